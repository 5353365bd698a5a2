import { AppShell, Burger, Center, Loader } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useEffect } from "react";
import { Navigate, Outlet, useLocation } from "react-router";
import { useProfile } from "../api/session.ts";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { Brand } from "./Brand.tsx";
import { Sidebar } from "./Sidebar.tsx";
import classes from "./AppLayout.module.css";

/** The frame around every page of somebody who is logged in. */
export function AppLayout() {
  const profile = useProfile();
  const location = useLocation();
  const [menuOpen, menu] = useDisclosure();
  useEffect(() => menu.close(), [location.pathname, menu.close]);

  if (profile.isPending) {
    return (
      <Center h="100vh">
        <Loader size="sm" aria-label="Loading" />
      </Center>
    );
  }
  if (profile.isError) {
    return (
      <div className={classes.alone}>
        <ProblemAlert error={profile.error} onRetry={() => void profile.refetch()} />
      </div>
    );
  }
  if (!profile.data) {
    const next =
      location.pathname === "/projects"
        ? ""
        : `?next=${encodeURIComponent(location.pathname + location.search)}`;
    return <Navigate to={`/login${next}`} replace />;
  }
  return (
    <AppShell
      navbar={{ width: 228, breakpoint: "sm", collapsed: { mobile: !menuOpen } }}
      header={{ height: { base: 52, sm: 0 } }}
      padding={0}
    >
      <a href="#content" className="skip-link">
        Skip to content
      </a>
      <AppShell.Header hiddenFrom="sm" className={classes.header}>
        <Brand />
        <Burger opened={menuOpen} onClick={menu.toggle} size="sm" aria-label="Menu" />
      </AppShell.Header>
      <AppShell.Navbar className={classes.navbar}>
        <Sidebar profile={profile.data} />
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1} className={classes.main}>
        <div className={classes.page}>
          <Outlet />
        </div>
      </AppShell.Main>
    </AppShell>
  );
}
