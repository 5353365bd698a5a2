import { Select, Skeleton } from "@mantine/core";
import { IconDatabaseSearch } from "@tabler/icons-react";
import { Link, useSearchParams } from "react-router";
import { useProjects } from "../api/projects.ts";
import type { Project } from "../api/types.ts";
import { EmptyState } from "../components/EmptyState.tsx";
import { PageHeader } from "../components/PageHeader.tsx";
import { Panel } from "../components/Panel.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { Workbench } from "./sparql/Workbench.tsx";

/** Ask a project's knowledge graph in SPARQL. */
export function SparqlPage() {
  const projects = useProjects();
  const [params, setParams] = useSearchParams();
  const withGraph = (projects.data?.items ?? []).filter((project) => project.kg_built_at !== null);
  const chosen = withGraph.find((project) => project.project_id === params.get("project")) ?? withGraph[0];
  return (
    <>
      <PageHeader
        title="SPARQL"
        description="One graph per project: its code, its history, and what was done to it."
        actions={
          withGraph.length > 0 && (
            <Select
              aria-label="Project"
              w={220}
              allowDeselect={false}
              data={withGraph.map((project) => ({ value: project.project_id, label: project.name }))}
              value={chosen?.project_id ?? null}
              onChange={(project) => project && setParams({ project }, { replace: true })}
            />
          )
        }
      />
      <ProblemAlert error={projects.error} />
      {projects.isPending && <Skeleton height={280} radius="md" />}
      {projects.data && !chosen && <NoGraph first={projects.data.items[0]} />}
      {chosen?.kg_id && <Workbench key={chosen.kg_id} kgId={chosen.kg_id} />}
    </>
  );
}

function NoGraph({ first }: { first: Project | undefined }) {
  return (
    <Panel>
      <EmptyState icon={IconDatabaseSearch} title="No graph to ask yet">
        {first ? (
          <>
            Open{" "}
            <Link to={`/projects/${first.project_id}/graph`} className="link">
              {first.name}
            </Link>{" "}
            and build its graph.
          </>
        ) : (
          <>
            <Link to="/projects/new" className="link">
              Make a project
            </Link>{" "}
            first; its graph is built right after.
          </>
        )}
      </EmptyState>
    </Panel>
  );
}
