/** All that needs somebody who is signed in. */
import { createFileRoute, Outlet, redirect, useLocation } from "@tanstack/react-router";
import { sessionQuery } from "~/api/queries";
import { Live } from "~/live/Live";
import { Clock } from "~/parts/Shown";
import { Shell, useFocusOnMove } from "~/shell/Shell";

export const Route = createFileRoute("/_in")({
  beforeLoad: async ({ context, location }) => {
    const me = await context.client.ensureQueryData(sessionQuery);
    if (!me) throw redirect({ to: "/sign-in", search: location.href === "/" ? {} : { to: location.href } });
    return { me };
  },
  component: Inside,
});

function Inside() {
  const { me } = Route.useRouteContext();
  useFocusOnMove(useLocation({ select: (location) => location.pathname }));
  return <Live><Clock><Shell me={me}><Outlet /></Shell></Clock></Live>;
}
