import { Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { useState } from "react";
import { useChangeAction, useMerges, useReviews } from "../../api/proof.ts";
import type { Merge, NewReview, Review, Task } from "../../api/types.ts";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { StateBadge } from "../../components/StateBadge.tsx";

/** What people said of a task's change, and what may be done with it: approve, send back, reject, merge, undo. */
export function ReviewPanel({ task }: { task: Task }) {
  const reviews = useReviews(task.task_id);
  const merges = useMerges(task.task_id);
  const said = reviews.data?.items ?? [];
  const entries = merges.data?.items ?? [];
  const changed = typeof task.result?.commit === "string";
  if (!changed && said.length === 0 && entries.length === 0) return null;
  return (
    <Panel title="Review">
      <Stack gap="sm">
        {said.map((review) => (
          <Said key={review.id} review={review} />
        ))}
        {entries.map((entry) => (
          <Entry key={entry.id} entry={entry} />
        ))}
        {changed && task.state === "completed" && (
          <Actions task={task} approved={isApproved(task, said)} last={entries.at(-1)} />
        )}
      </Stack>
    </Panel>
  );
}

/** Whether the newest verdict of a person on the latest attempt approves it. */
function isApproved(task: Task, reviews: Review[]): boolean {
  const verdicts = reviews.filter(
    (one) => one.attempt === task.attempt && one.agent_id === null && one.verdict !== "comment",
  );
  return verdicts.at(-1)?.verdict === "approve";
}

function Said({ review }: { review: Review }) {
  return (
    <div>
      <StateBadge state={review.verdict} />{" "}
      <Text span size="sm">
        {review.agent_id ?? review.user_name ?? "somebody"}, attempt {review.attempt}
        {review.summary && `: ${review.summary}`}
      </Text>
      {review.comments.map((comment, number) => (
        <Text key={number} size="xs" c="dimmed">
          <span className="mono">
            {comment.path}:{comment.line}
          </span>{" "}
          {comment.text}
        </Text>
      ))}
    </div>
  );
}

function Entry({ entry }: { entry: Merge }) {
  return (
    <div>
      <StateBadge state={entry.state} />{" "}
      <Text span size="sm">
        {entry.action === "undo" ? "undo" : "merge"}
        {entry.before > 0 && `, ${entry.before} before it in line`}
        {entry.message && `: ${entry.message}`}
      </Text>{" "}
      {entry.pull_request && (
        <a href={entry.pull_request.url} target="_blank" rel="noreferrer">
          pull request {entry.pull_request.number}
        </a>
      )}
    </div>
  );
}

function Actions({ task, approved, last }: { task: Task; approved: boolean; last: Merge | undefined }) {
  const act = useChangeAction(task.task_id);
  const [text, setText] = useState("");
  const underWay = last?.state === "queued" || last?.state === "verifying";
  const merged = last?.action === "merge" && last.state === "merged";
  const judge = (verdict: NewReview["verdict"]) => {
    const review = { verdict, summary: text, comments: [] };
    act.mutate({ action: "review", review }, { onSuccess: () => setText("") });
  };
  if (underWay) return null;
  if (merged) {
    return (
      <Group gap={8}>
        <Button variant="default" loading={act.isPending} onClick={() => act.mutate({ action: "undo" })}>
          Undo the merge
        </Button>
        <ProblemAlert error={act.error} />
      </Group>
    );
  }
  return (
    <>
      <Textarea
        aria-label="What you say of it"
        placeholder="What you say of it"
        autosize
        minRows={2}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <Group gap={8}>
        {approved ? (
          <Button loading={act.isPending} onClick={() => act.mutate({ action: "merge", method: "local" })}>
            Merge
          </Button>
        ) : (
          <Button loading={act.isPending} onClick={() => judge("approve")}>
            Approve
          </Button>
        )}
        {approved && (
          <Button
            variant="default"
            loading={act.isPending}
            onClick={() => act.mutate({ action: "merge", method: "pull_request" })}
          >
            Pull request
          </Button>
        )}
        <Button
          variant="default"
          loading={act.isPending}
          disabled={!text.trim()}
          onClick={() => judge("request_changes")}
        >
          Request changes
        </Button>
        <Button variant="default" color="red" loading={act.isPending} onClick={() => judge("reject")}>
          Reject
        </Button>
      </Group>
      <ProblemAlert error={act.error} />
    </>
  );
}
