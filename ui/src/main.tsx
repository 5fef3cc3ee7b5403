/** The beginning: what all screens are given. */
import "./shell/code";
import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "@mantine/spotlight/styles.css";
import "./app.css";
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryCache, MutationCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRouter, RouterProvider } from "@tanstack/react-router";
import { setNonce } from "get-nonce";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Problem } from "./api/client";
import { Trouble, Waiting } from "./parts/Standing";
import { NothingThere } from "./shell/NotThere";
import { routeTree } from "./routeTree.gen";
import { resolver, theme } from "./theme";

const nonce = document.querySelector<HTMLMetaElement>("meta[name=nonce]")?.content ?? "";
setNonce(nonce);

/** A session that has ended is told by the next answer, whichever it is. */
function signedOut(error: unknown): void {
  if (error instanceof Problem && error.status === 401 && client.getQueryData(["session"])) {
    client.setQueryData(["session"], null);
    void router.invalidate();
  }
}

const client = new QueryClient({
  queryCache: new QueryCache({ onError: signedOut }),
  mutationCache: new MutationCache({ onError: signedOut }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // What the hub has refused, it refuses again; a hub that is away comes back.
      retry: (failures, error) => (error instanceof Problem && error.status > 0 && error.status < 500 ? false : failures < 3),
    },
  },
});

const router = createRouter({
  routeTree,
  context: { client },
  defaultPreload: "intent",
  defaultPreloadStaleTime: 0,
  scrollRestoration: true,
  defaultErrorComponent: ({ error, reset }) => <Trouble error={error} again={reset} />,
  defaultPendingComponent: () => <Waiting />,
  defaultNotFoundComponent: NothingThere,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} cssVariablesResolver={resolver} defaultColorScheme="auto" getStyleNonce={() => nonce}>
        <Notifications position="bottom-right" />
        <QueryClientProvider client={client}><RouterProvider router={router} /></QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}
