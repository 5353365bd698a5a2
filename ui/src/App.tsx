import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { setNonce } from "get-nonce";
import { RouterProvider } from "react-router/dom";
import { Problem } from "./api/problem.ts";
import { pageNonce } from "./lib/nonce.ts";
import { router } from "./routes.tsx";
import { theme } from "./theme.ts";

// Mantine's scroll lock adds a style element through this library.
setNonce(pageNonce());

/** A log-in that ended elsewhere is noticed by whatever is asked next: the profile is read again, and that leads out. */
function noticeEndedSession(error: Error): void {
  if (error instanceof Problem && error.status === 401)
    void queries.invalidateQueries({ queryKey: ["profile"] });
}

const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: noticeEndedSession }),
  mutationCache: new MutationCache({ onError: noticeEndedSession }),
  defaultOptions: {
    queries: {
      // What the service refused, it will refuse again; what did not reach it may.
      retry: (failures, error) => failures < 2 && !(error instanceof Problem && error.status < 500),
      staleTime: 2000,
    },
  },
});

/** The console: theme, data and pages. */
export function App() {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={pageNonce}>
      <QueryClientProvider client={queries}>
        <Notifications position="bottom-right" limit={3} />
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  );
}
