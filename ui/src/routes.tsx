import { createBrowserRouter, Navigate } from "react-router";
import { AppLayout } from "./layout/AppLayout.tsx";
import { CrashPage } from "./pages/CrashPage.tsx";
import { LoginPage } from "./pages/LoginPage.tsx";
import { NotFoundPage } from "./pages/NotFoundPage.tsx";
import { ProjectsPage } from "./pages/ProjectsPage.tsx";
import { RegisterPage } from "./pages/RegisterPage.tsx";

/** Every page of the console. What is not needed to show the first one is loaded when it is opened. */
export const router = createBrowserRouter([
  { path: "/login", element: <LoginPage />, errorElement: <CrashPage /> },
  { path: "/register", element: <RegisterPage />, errorElement: <CrashPage /> },
  {
    path: "/connect/:requestId",
    errorElement: <CrashPage />,
    hydrateFallbackElement: <></>,
    lazy: async () => ({ Component: (await import("./pages/ConnectPage.tsx")).ConnectPage }),
  },
  {
    element: <AppLayout />,
    errorElement: <CrashPage />,
    hydrateFallbackElement: <></>,
    children: [
      { index: true, element: <Navigate to="/projects" replace /> },
      { path: "projects", element: <ProjectsPage /> },
      {
        path: "projects/new",
        lazy: async () => ({ Component: (await import("./pages/NewProjectPage.tsx")).NewProjectPage }),
      },
      {
        path: "projects/:projectId/:tab?",
        lazy: async () => ({ Component: (await import("./pages/ProjectPage.tsx")).ProjectPage }),
      },
      { path: "tasks", lazy: async () => ({ Component: (await import("./pages/TasksPage.tsx")).TasksPage }) },
      {
        path: "tasks/new",
        lazy: async () => ({ Component: (await import("./pages/NewTaskPage.tsx")).NewTaskPage }),
      },
      {
        path: "tasks/:taskId",
        lazy: async () => ({ Component: (await import("./pages/TaskPage.tsx")).TaskPage }),
      },
      {
        path: "tasks/:taskId/tries",
        lazy: async () => ({ Component: (await import("./pages/TriesPage.tsx")).TriesPage }),
      },
      {
        path: "inbox/:tab?",
        lazy: async () => ({ Component: (await import("./pages/InboxPage.tsx")).InboxPage }),
      },
      {
        path: "sparql",
        lazy: async () => ({ Component: (await import("./pages/SparqlPage.tsx")).SparqlPage }),
      },
      {
        path: "servers",
        lazy: async () => ({ Component: (await import("./pages/ServersPage.tsx")).ServersPage }),
      },
      {
        path: "servers/:serverId",
        lazy: async () => ({ Component: (await import("./pages/ServerPage.tsx")).ServerPage }),
      },
      {
        path: "gateway/:tab?",
        lazy: async () => ({ Component: (await import("./pages/GatewayPage.tsx")).GatewayPage }),
      },
      {
        path: "agents",
        lazy: async () => ({ Component: (await import("./pages/AgentsPage.tsx")).AgentsPage }),
      },
      {
        path: "usage",
        lazy: async () => ({ Component: (await import("./pages/UsagePage.tsx")).UsagePage }),
      },
      {
        path: "settings/:section?",
        lazy: async () => ({ Component: (await import("./pages/SettingsPage.tsx")).SettingsPage }),
      },
      { path: "*", element: <NotFoundPage /> },
    ],
  },
]);
