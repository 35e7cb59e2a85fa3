-- The health of a ReadOnlyPool for Argo CD, from its conditions. Every condition and reason is in the table; a test holds it to the
-- table in docs/readonlypool.md. A reason that is not here, of a newer controller, counts as Progressing where it is bad.
local verdicts = {
  Ready = { TooFewReady = "Progressing" },
  Reconciling = {
    Scaling = "Progressing", Applying = "Progressing", RollingOut = "Progressing", Retrying = "Progressing",
    Paused = "Suspended", Stalled = "Degraded",
  },
  Stalled = {
    InvalidSpec = "Degraded", InvalidConfiguration = "Degraded", ConfigurationTooLarge = "Degraded", NameTaken = "Degraded",
    WriteFailed = "Degraded", Refused = "Degraded", ReplicaStuck = "Degraded",
    WorkloadNotFound = "Degraded", WorkloadTaken = "Degraded", WorkloadNotVisible = "Degraded", PortNotFound = "Degraded",
  },
  Fresh = {
    CoreTooOld = "Degraded", TooFewFresh = "Progressing", NoneFresh = "Progressing",
    NetworkHalted = "Progressing", ScalerUnreachable = "Progressing", NotObserved = "Progressing",
  },
  Autoscaling = {
    ScaledObjectNotReady = "Progressing", WaitingForKeda = "Progressing", ScaledObjectPaused = "Suspended", Paused = "Suspended",
    KedaMissing = "Degraded", NotAllowed = "Degraded", Disabled = "Healthy",
    WorkloadNotFound = "Progressing", WorkloadTaken = "Progressing", WorkloadNotVisible = "Progressing",
  },
  Routing = {
    NoneFresh = "Progressing", NoneReachable = "Progressing", NoEndpoints = "Progressing", ScalerUnreachable = "Progressing",
    NotObserved = "Progressing", Paused = "Suspended", NoQueryServer = "Degraded", GatewayApiMissing = "Degraded", NotAllowed = "Degraded",
  },
  Sharded = {
    NoArchives = "Degraded", ShardMissing = "Degraded", ShardNotANumber = "Degraded", ShardOutOfRange = "Degraded",
    ShardsUnassigned = "Progressing", LedgersUnknown = "Progressing", TooFewCheckpoints = "Progressing",
  },
  Alerting = { PrometheusMissing = "Degraded" },
  Snapshots = {
    NoSnapshotYet = "Healthy", SnapshotUnusable = "Healthy", SnapshotFailed = "Degraded", SnapshotControllerMissing = "Degraded",
    SnapshotApiMissing = "Degraded", Paused = "Suspended",
  },
  Resources = { NoRequests = "Healthy" },
  VolumeSpace = { UsageUnknown = "Healthy", CannotGrow = "Degraded", AtMaxSize = "Degraded", Paused = "Suspended" },
}
-- Of these, True is what is not as it should be.
local bad_when_true = { Reconciling = true, Stalled = true }
local rank = { Healthy = 0, Progressing = 1, Suspended = 2, Degraded = 3 }

local function judge(condition)
  local good = bad_when_true[condition.type] and "False" or "True"
  local known = (verdicts[condition.type] or {})[condition.reason]
  if known ~= nil then
    return known
  end
  return condition.status == good and "Healthy" or "Progressing"
end

local health = { status = "Progressing", message = "the controller has not looked at this pool yet" }
if obj.metadata.deletionTimestamp ~= nil then
  health.message = "the pool is being deleted"
  return health
end
if obj.status == nil or obj.status.conditions == nil then
  return health
end
if (obj.status.observedGeneration or 0) < (obj.metadata.generation or 0) then
  health.message = "the controller has not looked at the last change yet"
  return health
end

health = { status = "Healthy", message = "" }
for _, condition in ipairs(obj.status.conditions) do
  local status = judge(condition)
  if rank[status] > rank[health.status] then
    health.status = status
    health.message = condition.type .. ": " .. (condition.message or condition.reason)
  end
end
return health
