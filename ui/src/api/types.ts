/** The words of the contract, as the console calls them. Their shapes are generated from the service's OpenAPI document. */
import type { components, paths } from "./schema.d.ts";

type Schemas = components["schemas"];

export type Project = Schemas["ProjectOut"];
export type NewProject = Schemas["ProjectIn"];
export type Role = Project["role"];
export type Member = Schemas["MemberOut"];
export type Graph = Schemas["GraphOut"];

export type Task = Schemas["TaskOut"];
export type NewTask = Schemas["TaskIn"];
export type TaskType = Schemas["TaskTypeOut"];
export type NewFork = Schemas["ForkIn"];
export type AgentQuestion = Schemas["AgentQuestionOut"];
export type Answer = Schemas["InputAnswer"];
export type AgentRule = Schemas["AgentRuleOut"];
export type NewAgentRule = Schemas["AgentRuleIn"];
export type LineComment = Schemas["CommentIn"];
export type TeamGraph = Schemas["TeamGraphOut"];
export type TeamNode = Schemas["TeamNode"];
export type Part = Schemas["PartOut"];
export type Note = Schemas["NoteOut"];
export type NewNote = Schemas["NoteIn"];
export type NoteState = Note["state"];
export type Claim = Schemas["ClaimOut"];
export type TaskEvent = Schemas["EventOut"];
export type Proof = Schemas["ProofOut"];
export type Review = Schemas["ReviewOut"];
export type NewReview = Schemas["ReviewIn"];
export type Merge = Schemas["MergeOut"];
export type Choosing = Schemas["ChoiceAmongOut"];
export type Try = Schemas["TryOut"];
export type Route = Schemas["RouteOut"];
export type Candidate = Schemas["CandidateOut"];

export type Spent = Schemas["SpentOut"];
export type Budget = Schemas["BudgetOut"];
export type NewBudget = Schemas["BudgetIn"];
export type Price = Schemas["PriceOut"];
export type SpentBy = NonNullable<NonNullable<paths["/api/v1/usage"]["get"]["parameters"]["query"]>["by"]>;

export type McpServer = Schemas["ServerOut"];
export type Tool = Schemas["ToolOut"];
export type Definition = Schemas["DefinitionOut"];
export type ToolCall =
  paths["/api/v1/mcps/{server_id}/execute"]["post"]["requestBody"]["content"]["application/json"];

export type Rule = Schemas["RuleOut"];
export type NewRule = paths["/api/v1/mcps/policies"]["post"]["requestBody"]["content"]["application/json"];
export type ExplainedCall =
  paths["/api/v1/mcps/policies/explain"]["post"]["requestBody"]["content"]["application/json"];
export type Explained = Schemas["Explained"];
export type Approval = Schemas["ApprovalOut"];
export type ToolCallRecord = Schemas["CallOut"];
export type Outcome = ToolCallRecord["outcome"];
export type ServerStats = Schemas["StatsRow"];
export type Window = NonNullable<
  NonNullable<paths["/api/v1/mcps/stats"]["get"]["parameters"]["query"]>["window"]
>;
export type Endpoint = Schemas["EndpointOut"];
export type NewEndpoint =
  paths["/api/v1/mcps/endpoints"]["post"]["requestBody"]["content"]["application/json"];

export type EndpointChange =
  paths["/api/v1/mcps/endpoints/{name}"]["patch"]["requestBody"]["content"]["application/json"];

export type Agent = Schemas["AgentOut"];

export type Profile = Schemas["ProfileOut"];
export type NewAccount = Schemas["RegisterIn"];
export type ApiToken = Schemas["TokenOut"];
export type Application = Schemas["ApplicationOut"];
export type Asked = Schemas["AskedOut"];
export type NewToken = Schemas["TokenIn"];
export type TokenScope = NewToken["scopes"][number];
