// A client that knows nothing but the contract: Node's own gRPC, with its defaults.
// Usage: node foreign_client.cjs SCENARIO SOCKET PROTO_FOLDER...; prints one line of JSON.
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [scenario, socket, ...folders] = process.argv.slice(2);
const files = ["workspace", "repository", "run", "errors"].map((name) => `hostler/v1/${name}.proto`);
const options = { includeDirs: folders, keepCase: true, longs: Number, enums: String, oneofs: true };
const loaded = loader.loadSync([...files, "google/rpc/status.proto", "google/rpc/error_details.proto"], options);
const v1 = grpc.loadPackageDefinition(loaded).hostler.v1;

const KINDS = ["ErrorInfo", "RetryInfo", "DebugInfo", "ResourceInfo", "BadRequest"];

function stubs(channelOptions = {}) {
  const make = (service) => new service(`unix:${socket}`, grpc.credentials.createInsecure(), channelOptions);
  return {
    workspace: make(v1.WorkspaceService),
    repository: make(v1.RepositoryService),
    run: make(v1.RunService),
  };
}

function detailsOf(error) {
  const found = { code: error.code, message: error.details };
  const [data] = error.metadata ? error.metadata.get("grpc-status-details-bin") : [];
  if (data === undefined) return found;
  const status = loaded["google.rpc.Status"].deserialize(data);
  for (const detail of status.details) {
    const kind = detail.type_url.split(".").pop();
    if (kind === "NearestNames") found[kind] = loaded[`hostler.v1.${kind}`].deserialize(detail.value);
    if (KINDS.includes(kind)) found[kind] = loaded[`google.rpc.${kind}`].deserialize(detail.value);
  }
  return found;
}

// Resolves to the answer, or to what came with the error, and to the seconds that it took.
function call(stub, method, request, seconds = 30) {
  const begin = process.hrtime.bigint();
  return new Promise((resolve) => {
    const deadline = Date.now() + seconds * 1000;
    stub[method](request, { deadline }, (error, answer) => {
      const took = Number(process.hrtime.bigint() - begin) / 1e9;
      resolve(error ? { ...detailsOf(error), took } : { code: 0, answer, took });
    });
  });
}

function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

// Resolves once the stream has begun or failed; `end` of the result resolves at its end.
function watch(stub, method, request) {
  const stream = stub[method](request);
  const watched = { stream, messages: 0 };
  watched.end = new Promise((resolve) => {
    stream.on("error", (error) => resolve(detailsOf(error)));
    stream.on("end", () => resolve({ code: 0 }));
  });
  watched.begun = new Promise((resolve) => {
    stream.on("data", () => {
      watched.messages += 1;
      resolve("begun");
    });
    watched.end.then(resolve);
  });
  return watched;
}

const PIPELINE = "locations/repos.py/repositories/repo/pipelines";
const fields = (of) => ({ structValue: { fields: of } });
const UNKNOWN_SOLID = { fields: { solids: fields({ two: fields({}) }) } };
const config = (kind) => ({ run_config: { fields: { solids: fields({ one: fields({ config: fields({ a: kind }) }) }) } } });
const value = (kind) => ({ run_config: { fields: { a: kind } } });
const launch = (fields) => ["run", "LaunchRun", { pipeline: `${PIPELINE}/good`, ...fields }];
const filter = (fields) => ["run", "ListRuns", { filter: fields }];
let deep = { numberValue: 1 };
for (let level = 0; level < 31; level += 1) deep = { structValue: { fields: { a: deep } } };

const HOSTILE = {
  "a name of 10 MB": ["workspace", "GetLocation", { name: "locations/" + "x".repeat(10_000_000) }],
  "a name of 90 MB": ["workspace", "GetLocation", { name: "x".repeat(90_000_000) }],
  "a stop of 1 MB": ["workspace", "StopLocation", { name: "locations/" + "x".repeat(999_900) }],
  "one name 20,000 times": ["workspace", "ReloadLocations", { names: Array(20_000).fill("locations/repos.py") }],
  "a restart of 20,000": ["workspace", "RestartLocations", { names: Array(20_000).fill("locations/repos.py") }],
  "a parent of 1 MB": ["repository", "ListPipelines", { parent: "x".repeat(999_900) }],
  "a page token": ["workspace", "ListLocations", { page_token: "9".repeat(5000) }],
  "a negative page": ["workspace", "ListLocations", { page_size: -1 }],
  "a negative page of runs": ["run", "ListRuns", { page_size: -2147483648 }],
  "a negative count": ["repository", "PreviewSchedule", { name: "x", count: -1 }],
  "an empty Value": launch(value({})),
  "an empty Value in a list": launch(value({ listValue: { values: [{}] } })),
  "not a number": launch(value({ numberValue: NaN })),
  "31 levels": launch(value(deep)),
  "a config of 2.5 MB": launch(value({ stringValue: "x".repeat(2_500_000) })),
  "nanos of 2e9": launch({ timeout: { nanos: 2e9 } }),
  "mixed signs": launch({ timeout: { seconds: 1, nanos: -1 } }),
  "mixed signs, turned": launch({ timeout: { seconds: -1, nanos: 1 } }),
  "a negative timeout": launch({ timeout: { seconds: -1 } }),
  "ten thousand years": launch({ timeout: { seconds: 315576000001 } }),
  "negative concurrency": launch({ max_concurrency: -1 }),
  "a tag of ours": launch({ tags: { "hostler/partition": "x" } }),
  "another tag of ours": launch({ tags: { "hostler/": "" } }),
  "1,000 tags": launch({ tags: Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`t${n}`, "x"])) }),
  "a tag of 1 MB": launch({ tags: { a: "x".repeat(900_000) } }),
  "a long request id": launch({ request_id: "x".repeat(129) }),
  "state 99": filter({ states: [99] }),
  "the year 1500": filter({ create_time_from: { seconds: -14831769600 } }),
  "the year 3000": filter({ create_time_before: { seconds: 32503680000 } }),
  "the year 12000": filter({ create_time_before: { seconds: 316516204800 } }),
  "nanos of a time": filter({ create_time_from: { seconds: 1, nanos: 1e9 } }),
  "100 tags to filter by": filter({ tags: Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`t${n}`, "x"])) }),
};

const scenarios = {
  async details() {
    const { repository, run } = stubs();
    return {
      unknown: await call(repository, "GetPipeline", { name: `${PIPELINE}/godo` }),
      raising: await call(repository, "GetPipeline", { name: `${PIPELINE}/raising` }),
      invalid: await call(run, "GetRun", { name: "nothing" }),
      run: await call(run, "GetRun", { name: "runs/none" }),
      wrong: await call(run, "LaunchRun", { pipeline: `${PIPELINE}/good`, run_config: UNKNOWN_SOLID }),
      problems: await call(repository, "ValidateRunConfig", { pipeline: `${PIPELINE}/good`, run_config: UNKNOWN_SOLID }),
      schema: await call(repository, "GetConfigSchema", { pipeline: `${PIPELINE}/good` }),
    };
  },

  async many() {
    const { run } = stubs();
    const watched = run.WatchRuns({ filter: { pipeline: "good" } });
    const seen = [];
    const ended = new Promise((resolve, reject) => {
      watched.on("error", reject);
      watched.on("data", (message) => {
        seen.push(message);
        if (message.change === "run" && message.run.end_time) resolve(message.run);
      });
    });
    const launched = await call(run, ...launch({}).slice(1));
    const last = await ended;
    watched.on("error", () => {});
    watched.cancel();
    const parent = launched.answer.name;
    const token = (await call(run, "ListRuns", { page_size: 1 })).answer.next_page_token;
    return {
      first: seen[0].change,
      state: last.state,
      progress: last.progress,
      counts: await call(run, "CountRuns", { filter: { states: ["SUCCEEDED"] } }),
      steps: await call(run, "ListSteps", { parent }),
      canceled: await call(run, "CancelRuns", { names: [parent, "runs/none"] }),
      nothing: await call(run, "DeleteRuns", {}),
      deleted: await call(run, "DeleteRuns", { names: [parent] }),
      foreign: await call(run, "ListRuns", { page_token: token || "none", filter: { pipeline: "x" } }),
    };
  },

  async deadline() {
    const { repository } = stubs();
    return call(repository, "GetPipeline", { name: `${PIPELINE}/hanging` }, 1);
  },

  async keepalive() {
    const { workspace } = stubs({ "grpc.keepalive_time_ms": 1000, "grpc.keepalive_permit_without_calls": 1 });
    const idle = watch(workspace, "WatchWorkspace", {});
    await idle.begun;
    const ended = await Promise.race([idle.end, pause(7)]);
    return { ended: ended ?? null, after: await call(workspace, "GetWorkspace", {}) };
  },

  async hostile() {
    const client = stubs({ "grpc.max_send_message_length": -1 });
    const found = {};
    for (const [what, [service, method, request]] of Object.entries(HOSTILE)) {
      const answer = call(client[service], method, request);
      const read = await call(stubs({ "grpc.use_local_subchannel_pool": 1 }).workspace, "GetWorkspace", {});
      const { code, ErrorInfo, took, message } = await answer;
      found[what] = { code, reason: ErrorInfo?.reason, took, message, read: read.code, readTook: read.took };
    }
    const runs = await call(client.run, "ListRuns", {});
    const names = Array(9_999).fill("locations/repos.py");
    const reloaded = await call(client.workspace, "ReloadLocations", { names, no_wait: true });
    const good = await call(client.run, ...launch(config({ nullValue: 0 })).slice(1));
    return { found, runs, reloaded: reloaded.answer?.locations.length, tookToReload: reloaded.took, launch: good.code };
  },

  async hang() {
    const { repository, workspace, run } = stubs();
    const name = `${PIPELINE}/hanging`;
    const waiting = Array.from({ length: 1000 }, () => call(repository, "GetPipeline", { name }, 60));
    const refused = await Promise.race(waiting);
    const reads = [];
    for (let n = 0; n < 20; n += 1) reads.push(await call(workspace, "GetWorkspace", {}));
    const list = await call(repository, "ListPipelines", { parent: "locations/-/repositories/-" });
    const other = await call(repository, "GetPipeline", { name: name.replace("repos.py", "other.py").replace("hanging", "good") });
    const runs = await call(run, "ListRuns", {});
    const stopped = await call(workspace, "StopLocation", { name: "locations/repos.py" });
    const all = await Promise.all(waiting);
    const codes = {};
    for (const { code } of all) codes[code] = (codes[code] ?? 0) + 1;
    return {
      refused, codes, list: list.code, other: other.code, runs: runs.code, stopped,
      slowest: Math.max(...reads.map((read) => read.took)), reads: reads.map((read) => read.code),
    };
  },

  async streams() {
    const { workspace } = stubs();
    const watches = Array.from({ length: 2500 }, () => watch(workspace, "WatchWorkspace", {}));
    const begun = await Promise.all(watches.map((each) => each.begun));
    const refused = begun.filter((each) => each !== "begun");
    const read = await call(workspace, "GetWorkspace", {});
    for (const each of watches) each.stream.cancel();
    await Promise.all(watches.map((each) => each.end));
    let first;
    do {
      // the daemon learns of the cancels one after the other
      await pause(0.05);
      const again = watch(workspace, "WatchWorkspace", {});
      first = await again.begun;
      again.stream.cancel();
    } while (first !== "begun");
    return { open: begun.length - refused.length, codes: [...new Set(refused.map((each) => each.code))], refused: refused[0], read: read.code, again: first };
  },

  async pages() {
    const { run } = stubs(); // 4 MB, as in every language
    for (let n = 0; n < 8; n += 1) {
      await call(run, ...launch({ ...config({ stringValue: "x".repeat(1_500_000) }), tags: { n: String(n) } }).slice(1));
    }
    const names = [];
    let page_token = "";
    const pages = [];
    do {
      const page = await call(run, "ListRuns", { page_token, filter: { pipeline: "good" } });
      if (page.code !== 0) return page;
      names.push(...page.answer.runs.map((each) => each.name));
      pages.push(page.answer.runs.length);
      page_token = page.answer.next_page_token;
    } while (page_token);
    return { code: 0, names, pages };
  },

  async end() {
    const { repository, workspace, run } = stubs();
    const waiting = call(repository, "GetPipeline", { name: `${PIPELINE}/hanging` });
    const launched = await call(run, "LaunchRun", { pipeline: `${PIPELINE}/long` });
    const watches = {
      workspace: watch(workspace, "WatchWorkspace", {}),
      logs: watch(workspace, "ReadLogs", { name: "locations/repos.py", follow: true }),
      run: watch(run, "WatchRun", { name: launched.answer.name }),
    };
    await watches.workspace.begun;
    await watches.run.begun;
    await pause(1);
    process.stdout.write("open\n");
    const ends = { call: await waiting };
    for (const [name, each] of Object.entries(watches)) ends[name] = await each.end;
    return ends;
  },
};

scenarios[scenario]().then((found) => {
  process.stdout.write(`${JSON.stringify(found)}\n`, () => process.exit(0));
});
