import { Avatar, Menu, UnstyledButton } from "@mantine/core";
import { IconBook, IconLogout, IconSettings } from "@tabler/icons-react";
import { Link, useNavigate } from "react-router";
import { useLogout } from "../api/session.ts";
import type { Profile } from "../api/types.ts";
import classes from "./UserMenu.module.css";

/** Who is logged in; settings, documentation, and the way out. */
export function UserMenu({ profile }: { profile: Profile }) {
  const logout = useLogout();
  const navigate = useNavigate();
  const name = profile.display_name || profile.email;
  return (
    <Menu position="top-start" width={200} shadow="md">
      <Menu.Target>
        <UnstyledButton className={classes.button} aria-label={`Account of ${name}`}>
          <Avatar src={profile.avatar_url} name={name} color="accent" size={26} radius="xl" />
          <span className={classes.name}>{name}</span>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{profile.email}</Menu.Label>
        <Menu.Item component={Link} to="/settings" leftSection={<IconSettings size={16} stroke={1.6} />}>
          Settings
        </Menu.Item>
        <Menu.Item component="a" href="/docs" leftSection={<IconBook size={16} stroke={1.6} />}>
          API documentation
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item
          leftSection={<IconLogout size={16} stroke={1.6} />}
          onClick={() => logout.mutate(undefined, { onSuccess: () => navigate("/login") })}
        >
          Log out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
