// A provider of OpenID Connect for tests: whoever gives the right password is signed in, with the groups of people.json.
import fs from 'node:fs';
import { Provider } from 'oidc-provider';

const [port, people] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const known = () => JSON.parse(fs.readFileSync(people, 'utf8'));
const provider = new Provider(issuer, {
  clients: [{ client_id: 'towpath', client_secret: 'a secret of tests', redirect_uris: ['http://127.0.0.1/'] }],
  claims: { openid: ['sub'], profile: ['preferred_username', 'groups'] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...known()[id]?.claims }) }),
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope('openid profile email');
    await grant.save();
    return grant;
  },
});
// Each test has a hub of its own, on a port of its own.
provider.Client.prototype.redirectUriAllowed = (url) => url.startsWith('http://127.0.0.1:');
provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next();
  const right = known()[ctx.query.login]?.password === ctx.query.password;
  if (!right) { ctx.status = 401; ctx.body = 'wrong password'; return undefined; }
  await provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: ctx.query.login } });
  ctx.respond = false;
  return undefined;
});
provider.listen(Number(port), '127.0.0.1');
