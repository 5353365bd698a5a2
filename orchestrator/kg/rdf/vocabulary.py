"""The terms of graphs as constants: our own ontology, and those reused from other vocabularies.

A test holds our own equal to ``ontology.ttl``, where each term is defined. Used by the triple writer and the questions.
"""

CODE = "https://w3id.org/orchestrator/code#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
XSD = "http://www.w3.org/2001/XMLSchema#"
PROV = "http://www.w3.org/ns/prov#"
DCT = "http://purl.org/dc/terms/"
SCHEMA = "https://schema.org/"
FOAF = "http://xmlns.com/foaf/0.1/"
SPDX = "https://spdx.org/rdf/3.0.1/terms/Software/"

CLASSES = (
    "Repository", "SourceFile", "Module", "Class", "Function", "Method", "TestCase", "External", "CallSite",
    "ResolutionRule", "IndexRun", "ConfigKey", "Commit", "Task", "Attempt", "ToolCall", "TestRun", "Approval",
    "Dependency", "TraceRun", "Observation",
)  # fmt: skip
PROPERTIES = (
    "path", "contentHash", "lines", "byteSize", "definedIn", "memberOf", "qualifiedName", "signature", "visibility",
    "startLine", "endLine", "decoratedBy", "imports", "extends", "overrides", "references", "instantiates", "calls",
    "mayCall", "caller", "callee", "candidate", "resolution", "confidence", "unresolvedCalls", "unresolvedName",
    "problemLine", "skippedBecause", "commit", "observedCall", "covers", "readsConfig", "configSource",
    "changed", "modified", "merged", "lastChangedIn", "changedFiles", "addedLines", "removedLines", "formerPath",
    "deletedPath", "historyCut", "historySince", "taskType", "state", "reason", "attemptNumber", "target", "branch",
    "produced",
    "tool", "server", "outcome", "failing", "dependsOn", "declaredIn", "versionConstraint", "lockedVersion",
    "dependencyScope", "seenFrom", "seenTo", "seenRuns", "lastSeen", "staleFiles", "leftOut",
)  # fmt: skip
INDIVIDUALS = ("public", "internal", "passed", "failed", "unfinished", "granted", "denied")
# Each rule with the confidence its definition states.
RULES = {
    "scope": 0.98, "import": 0.97, "module": 0.97, "self": 0.95, "class": 0.95, "instance": 0.9, "super": 0.9,
    "decorator": 0.95, "flow": 0.85, "callback": 0.9, "accessor": 0.9, "element": 0.85, "external": 0.95,
    "several": 0.5, "override": 0.4, "sameName": 0.2,
}  # fmt: skip
TERMS = frozenset({*CLASSES, *PROPERTIES, *INDIVIDUALS, *(f"rule-{name}" for name in RULES)})

PREFIXES = f"""PREFIX c: <{CODE}>
PREFIX rdf: <{RDF}>
PREFIX rdfs: <{RDFS}>
PREFIX xsd: <{XSD}>
PREFIX prov: <{PROV}>
PREFIX dct: <{DCT}>
PREFIX schema: <{SCHEMA}>
PREFIX foaf: <{FOAF}>
PREFIX spdx: <{SPDX}>
"""
