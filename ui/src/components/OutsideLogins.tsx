import { Button } from "@mantine/core";
import { IconBrandGithub, IconMoodSmile, type Icon } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useLoginProviders } from "../api/session.ts";

const KNOWN: Record<string, { label: string; icon: Icon; path: string }> = {
  github: { label: "GitHub", icon: IconBrandGithub, path: "/api/v1/auth/github/login" },
  huggingface: { label: "Hugging Face", icon: IconMoodSmile, path: "/api/v1/auth/huggingface/login" },
};

/** Buttons for the log-ins elsewhere that this service is set up for, followed by the children; nothing when none is. */
export function OutsideLogins({ next, children }: { next: string; children: ReactNode }) {
  const providers = useLoginProviders();
  const usable = (providers.data?.items ?? []).filter((each) => each.configured && KNOWN[each.name]);
  if (usable.length === 0) return null;
  return (
    <>
      {usable.map((each) => {
        const { label, icon: Symbol, path } = KNOWN[each.name]!;
        return (
          <Button
            key={each.name}
            component="a"
            href={`${path}?${new URLSearchParams({ next })}`}
            variant="default"
            leftSection={<Symbol size={18} />}
          >
            Continue with {label}
          </Button>
        );
      })}
      {children}
    </>
  );
}
