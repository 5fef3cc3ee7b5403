"""Identity providers: who else may say who somebody is, and what the hub makes of it."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from towpath.api.context import Caller, Hub
from towpath.api.routers import Router
from towpath.api.times import at
from towpath.domain.providers import Admission, Kind, Oidc, Provider
from towpath.domain.rights import Role
from towpath.engine import providers
from towpath.engine.providers import ProviderView

router = Router(prefix="/api/auth/providers", tags=["people"])

GroupName = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
MOST_MAPPED = 1_000
LONGEST_PEM = 100_000


class OidcProvider(BaseModel):
    """A provider of OpenID Connect; all of it is set at once."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind = Kind.OIDC
    title: str = Field(
        default="", max_length=100, description="What a button that leads there says; its name by default."
    )
    role: Role | None = Field(
        default=Role.MEMBER,
        description="Of those who are in no group of `roles`; null: they are not let in.",
    )
    roles: dict[GroupName, Role] = Field(
        default={},
        max_length=MOST_MAPPED,
        description="The provider's group and the role of those in it, set anew at each sign-in; the role that may"
        " do most counts. Empty: administrators of this hub say who is what.",
        examples=[{"hub-admins": "administrator"}],
    )
    groups: dict[GroupName, GroupName] = Field(
        default={},
        max_length=MOST_MAPPED,
        description="The provider's group and this hub's. Empty: of the same name. Groups that this hub does not"
        " have are passed over.",
        examples=[{"lab-genomics": "genomics"}],
    )
    issuer: str = Field(max_length=1000, examples=["https://login.example.org/realms/lab"])
    client_id: str = Field(min_length=1, max_length=500, examples=["towpath"])
    scopes: str = Field(default="openid profile email", max_length=1000)
    name_claim: str = Field(
        default="preferred_username",
        min_length=1,
        max_length=200,
        description="The claim that names the user, when they come for the first time.",
    )
    groups_claim: str = Field(
        default="groups",
        min_length=1,
        max_length=200,
        description="The claim that lists groups, or a way to it with dots between.",
        examples=["groups", "realm_access.roles"],
    )
    ca: str = Field(
        default="",
        max_length=LONGEST_PEM,
        description="Certificates in PEM that vouch for the provider; empty: the usual authorities.",
    )

    def named(self, name: str) -> Provider:
        """The provider, under its name."""
        settings = Oidc(self.issuer, self.client_id, self.scopes, self.name_claim, self.groups_claim, self.ca)
        return Provider(name, self.title or name, Admission(self.role, self.roles, self.groups), settings)


class NewProvider(OidcProvider):
    """A provider with the secret by which it knows the hub."""

    client_secret: SecretStr = Field(
        default=SecretStr(""),
        max_length=2000,
        description="Kept encrypted and never shown again; empty: the provider asks for none.",
    )


class IdentityProvider(OidcProvider):
    """A provider as it is set, without its secret."""

    name: str = Field(examples=["lab"])
    has_secret: bool
    redirect_uri: str = Field(
        description="What the provider must be told to send browsers back to.",
        examples=["https://hub.example.org/api/auth/sign-in/lab/callback/"],
    )
    set_by: str
    set_at: datetime

    @classmethod
    def of(cls, view: ProviderView, hub_url: str) -> Self:
        """The provider as the API shows it."""
        provider, settings = view.provider, view.provider.settings
        return cls(
            kind=provider.kind,
            title=provider.title,
            role=provider.admission.role,
            roles=dict(provider.admission.roles),
            groups=dict(provider.admission.groups),
            issuer=settings.issuer,
            client_id=settings.client_id,
            scopes=settings.scopes,
            name_claim=settings.name_claim,
            groups_claim=settings.groups_claim,
            ca=settings.ca,
            name=provider.name,
            has_secret=view.has_secret,
            redirect_uri=redirect_uri(hub_url, provider.name),
            set_by=view.made_by,
            set_at=at(view.created_at),
        )


class IdentityProviders(BaseModel):
    """All identity providers by name."""

    count: int
    results: list[IdentityProvider]


def redirect_uri(hub_url: str, name: str) -> str:
    """Where a provider sends browsers back to; `hub_url` is what others reach the hub under."""
    return f"{hub_url}/api/auth/sign-in/{name}/callback/"


@router.get("/", summary="List identity providers")
async def list_providers(hub: Hub) -> IdentityProviders:
    """Without their secrets."""
    found = await hub.database.read(providers.list_providers)
    url = hub.context.settings.shown_url
    return IdentityProviders(count=len(found), results=[IdentityProvider.of(view, url) for view in found])


@router.get("/{name}/", summary="Show an identity provider")
async def show_provider(name: str, hub: Hub) -> IdentityProvider:
    """Without its secret."""
    view = await hub.database.read(lambda conn: providers.get_provider(conn, name))
    return IdentityProvider.of(view, hub.context.settings.shown_url)


@router.put("/{name}/", summary="Set an identity provider")
async def set_provider(name: str, body: NewProvider, hub: Hub, caller: Caller) -> IdentityProvider:
    """A new one, or in place of the one of that name: all of it, its secret too."""
    provider, secret = body.named(name), body.client_secret.get_secret_value()
    view = await hub.write(lambda tx: providers.set_provider(tx, provider, secret, caller, hub.hub_key))
    return IdentityProvider.of(view, hub.context.settings.shown_url)


@router.delete("/{name}/", status_code=204, summary="Remove an identity provider")
async def remove_provider(name: str, hub: Hub) -> None:
    """Whoever signed in there is signed out; they stay users, and their keys open what they did."""
    await hub.write(lambda tx: providers.remove_provider(tx, name))
