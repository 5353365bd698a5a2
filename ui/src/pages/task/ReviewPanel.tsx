import { Alert, Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { useSessionStorage } from "@mantine/hooks";
import { useState } from "react";
import { isReviewable, useChangeAction, useMerges, useReviews } from "../../api/proof.ts";
import { useAgentNames } from "../../api/targets.ts";
import type { Merge, NewReview, Review, Task } from "../../api/types.ts";
import { ConfirmButton } from "../../components/ConfirmButton.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { StateBadge } from "../../components/StateBadge.tsx";
import { plural } from "../../lib/format.ts";
import type { ReviewDraft } from "../../lib/useReviewDraft.ts";

/** What people said of a task's change, and what may be done with it: approve, send back, reject, merge, undo. */
export function ReviewPanel({ task, draft }: { task: Task; draft: ReviewDraft }) {
  const reviews = useReviews(task.task_id);
  const merges = useMerges(task.task_id);
  const said = reviews.data?.items ?? [];
  const entries = merges.data?.items ?? [];
  const open = isReviewable(task);
  if (!open && said.length === 0 && entries.length === 0 && draft.left.length === 0) return null;
  return (
    <Panel title="Review">
      <Stack gap="sm">
        {said.map((review) => (
          <Said key={review.id} review={review} />
        ))}
        {entries.map((entry) => (
          <Entry key={entry.id} entry={entry} />
        ))}
        <LeftOver draft={draft} />
        {open && <Actions task={task} draft={draft} approved={isApproved(task, said)} entries={entries} />}
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
  const nameOf = useAgentNames();
  return (
    <div>
      <StateBadge state={review.verdict} />{" "}
      <Text span size="sm" ml={6}>
        <b>{review.agent_id ? nameOf(review.agent_id) : (review.user_name ?? "somebody")}</b>, attempt{" "}
        {review.attempt}
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

/** Comments on an earlier attempt that were never sent: its lines are gone, the words are not. */
function LeftOver({ draft }: { draft: ReviewDraft }) {
  if (draft.left.length === 0) return null;
  return (
    <Alert color="gray" title="You wrote this on an earlier attempt and did not send it">
      {draft.left.map((comment, number) => (
        <Text key={number} size="sm">
          <span className="mono">
            {comment.path}:{comment.line}
          </span>{" "}
          {comment.text}
        </Text>
      ))}
      <Button size="compact-xs" variant="subtle" color="gray" mt={6} onClick={draft.forget}>
        Forget it
      </Button>
    </Alert>
  );
}

function Entry({ entry }: { entry: Merge }) {
  return (
    <div>
      <StateBadge state={entry.state} />{" "}
      <Text span size="sm" ml={6}>
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

/** The way on where an undo fails its criteria: an admin of the project says why it is to be done all the same. */
function Override({ busy, onOverride }: { busy: boolean; onOverride: (reason: string) => void }) {
  const [reason, setReason] = useState("");
  return (
    <>
      <Textarea
        label="Why it is to be undone without proof"
        description="For admins of the project. It is kept with the merge and told in the task’s events."
        autosize
        minRows={2}
        maxLength={2000}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
      <Group gap={8}>
        <Button
          variant="default"
          color="red"
          loading={busy}
          disabled={!reason.trim()}
          onClick={() => onOverride(reason)}
        >
          Undo it all the same
        </Button>
      </Group>
    </>
  );
}

interface ActionsProps {
  task: Task;
  draft: ReviewDraft;
  approved: boolean;
  entries: Merge[];
}

function Actions({ task, draft, approved, entries }: ActionsProps) {
  const act = useChangeAction(task.task_id);
  const [text, setText] = useSessionStorage({
    key: `orchestrator.review.${task.task_id}.summary`,
    defaultValue: "",
    getInitialValueInEffect: false,
  });
  const last = entries.at(-1);
  const underWay = last?.state === "queued" || last?.state === "verifying";
  const merged = entries.filter((entry) => entry.state === "merged").at(-1)?.action === "merge";
  const judge = (verdict: NewReview["verdict"]) => {
    const review = { verdict, summary: text, comments: draft.comments, attempt: task.attempt };
    const sent = () => {
      setText("");
      draft.clear();
    };
    act.mutate({ action: "review", review }, { onSuccess: sent });
  };
  const fellShort = task.state !== "completed";
  const says = text.trim() !== "" || draft.comments.length > 0;
  if (underWay) return null;
  if (merged) {
    return (
      <>
        <Group gap={8}>
          <Button variant="default" loading={act.isPending} onClick={() => act.mutate({ action: "undo" })}>
            {last?.state === "unproven" ? "Try to undo it again" : "Undo the merge"}
          </Button>
        </Group>
        {last?.state === "unproven" && (
          <Override
            busy={act.isPending}
            onOverride={(overrideReason) => act.mutate({ action: "undo", overrideReason })}
          />
        )}
        <ProblemAlert error={act.error} />
      </>
    );
  }
  return (
    <>
      <Textarea
        label="What you say of it"
        description={
          draft.comments.length > 0
            ? `${plural(draft.comments.length, "comment")} on lines will go with it`
            : "A click on a line of the diff writes a comment on it"
        }
        autosize
        minRows={2}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <Group gap={8}>
        {approved && (
          <Button loading={act.isPending} onClick={() => act.mutate({ action: "merge", method: "local" })}>
            Merge
          </Button>
        )}
        {!approved && !fellShort && (
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
          disabled={!says}
          onClick={() => judge("request_changes")}
        >
          Request changes
        </Button>
        <Button variant="default" loading={act.isPending} disabled={!says} onClick={() => judge("comment")}>
          Comment
        </Button>
        {!fellShort && (
          <ConfirmButton
            label="Reject"
            question="The change will not be merged, and the task counts as failed."
            confirm="Reject it"
            busy={act.isPending}
            onConfirm={() => judge("reject")}
          />
        )}
      </Group>
      <ProblemAlert error={act.error} />
    </>
  );
}
