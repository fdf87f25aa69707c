// The dashboards of Grafana. `npm run dashboards` writes them to deploy/grafana/dashboards; a test fails when they differ.
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * @typedef {{ expr: string, legend?: string }} Query
 * @typedef {{ title: string, unit: string, queries: readonly Query[], kind?: "timeseries" | "stat", about?: string }} Panel
 * @typedef {{ uid: string, title: string, about: string, rows: readonly (readonly [string, readonly Panel[]])[] }} Dashboard
 */

const selected = 'job=~"$job",instance=~"$instance"';

/**
 * Selector of a metric of the chosen nodes.
 *
 * @param {string} name
 * @param {string} [labels]
 */
function of(name, labels) {
  return `milepost_${name}{${selected}${labels === undefined ? "" : `,${labels}`}}`;
}

/**
 * Rate of a counter, added up by labels; without labels, in total.
 *
 * @param {string} name
 * @param {string} [by]
 * @param {string} [labels]
 */
function rate(name, by, labels) {
  const value = `rate(${of(name, labels)}[$__rate_interval])`;
  return by === undefined ? `sum(${value})` : `sum by (${by}) (${value})`;
}

/**
 * Sum of a gauge by labels; without labels, in total.
 *
 * @param {string} name
 * @param {string} [by]
 * @param {string} [labels]
 */
function sum(name, by, labels) {
  return by === undefined ? `sum(${of(name, labels)})` : `sum by (${by}) (${of(name, labels)})`;
}

/**
 * Queries of three quantiles of a histogram.
 *
 * @param {string} name
 * @returns {Query[]}
 */
function quantiles(name) {
  return [0.5, 0.95, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, sum by (le) (rate(${of(`${name}_bucket`)}[$__rate_interval])))`,
    legend: `p${quantile * 100}`,
  }));
}

/**
 * @param {string} title
 * @param {string} unit
 * @param {readonly (Query | readonly [string, string?])[]} queries
 * @param {Partial<Panel>} [more]
 * @returns {Panel}
 */
function panel(title, unit, queries, more = {}) {
  return {
    title,
    unit,
    ...more,
    queries: queries.map((query) => {
      if ("expr" in query) return query;
      const [expr, legend] = query;
      return { expr, ...(legend === undefined ? {} : { legend }) };
    }),
  };
}

/** @type {Partial<Panel>} */
const stat = { kind: "stat" };

/** @type {readonly Dashboard[]} */
export const dashboards = [
  {
    uid: "websocket_overview",
    title: "Milepost: overview",
    about: "Is the gateway well, how many people does it serve, and how late are their messages?",
    rows: [
      [
        "Now",
        [
          panel("Connections", "short", [[sum("connections")]], stat),
          panel(
            "Nodes that answer",
            "short",
            [[`count(${of("process_start_time_seconds")})`]],
            stat,
          ),
          panel(
            "Nodes not healthy",
            "short",
            [[`sum(${of("status", 'status!="healthy"')})`]],
            stat,
          ),
          panel("Deliveries", "ops", [[rate("deliveries_total")]], stat),
        ],
      ],
      [
        "Connections",
        [
          panel("Connections by node", "short", [[sum("connections", "instance"), "{{instance}}"]]),
          panel("Connections by kind", "short", [
            [sum("connections_by_consumer", "consumer"), "{{consumer}}"],
          ]),
          panel("Opened and closed", "ops", [
            [rate("connections_opened_total"), "opened"],
            [rate("connections_closed_total"), "closed"],
          ]),
          panel("Share of the limit", "percentunit", [
            [
              `${sum("connections", "instance")} / ${sum("connection_limit", "instance")}`,
              "{{instance}}",
            ],
          ]),
        ],
      ],
      [
        "Messages and latency",
        [
          panel("Messages", "ops", [
            [rate("frames_received_total"), "in (frames)"],
            [rate("messages_sent_total"), "out"],
            [rate("publications_accepted_total"), "published"],
          ]),
          panel("Bytes", "Bps", [
            [rate("received_bytes_total"), "in"],
            [rate("sent_bytes_total"), "out"],
          ]),
          panel("Publish to socket", "ms", quantiles("publish_to_socket_milliseconds")),
          panel("Status by node", "short", [
            [sum("status", "instance, status", 'status!="healthy"'), "{{instance}} {{status}}"],
          ]),
        ],
      ],
      [
        "Processes",
        [
          panel(
            "Processor",
            "percentunit",
            [[rate("process_cpu_seconds_total", "instance"), "{{instance}}"]],
            { about: "1 is one busy core." },
          ),
          panel("Memory", "bytes", [
            [sum("process_memory_bytes", "instance", 'area="resident"'), "{{instance}}"],
          ]),
          panel("Event loop delay, p99", "ms", [
            [
              `max by (instance) (${of("event_loop_delay_milliseconds", 'quantile="0.99"')})`,
              "{{instance}}",
            ],
          ]),
          panel("Open descriptors", "short", [
            [sum("process_open_descriptors", "instance"), "{{instance}}"],
          ]),
          panel("Time in garbage collection", "percentunit", [
            [rate("gc_pause_seconds_total", "kind"), "{{kind}}"],
          ]),
          panel("Event loop busy", "percentunit", [
            [rate("event_loop_seconds_total", "instance", 'state="active"'), "{{instance}}"],
          ]),
          panel("Versions", "short", [[`count by (version) (${of("build_info")})`, "{{version}}"]]),
          panel("Uptime", "s", [[`time() - ${of("process_start_time_seconds")}`, "{{instance}}"]]),
        ],
      ],
    ],
  },
  {
    uid: "connection_details",
    title: "Milepost: connections",
    about: "Who connects, who is refused, who leaves and why.",
    rows: [
      [
        "Coming and going",
        [
          panel("Opened by kind", "ops", [
            [rate("connections_opened_total", "consumer"), "{{consumer}}"],
          ]),
          panel("Closed by kind", "ops", [
            [rate("connections_closed_total", "consumer"), "{{consumer}}"],
          ]),
          panel("Close codes of the gateway", "ops", [[rate("closes_total", "code"), "{{code}}"]]),
          panel("Refused by limit", "ops", [
            [rate("connections_refused_total", "reason"), "{{reason}}"],
          ]),
        ],
      ],
      [
        "People",
        [
          panel("Connections per user", "short", [
            {
              expr: `histogram_quantile(0.5, sum by (le) (${of("connections_per_user_bucket")}))`,
              legend: "p50",
            },
            {
              expr: `histogram_quantile(0.99, sum by (le) (${of("connections_per_user_bucket")}))`,
              legend: "p99",
            },
          ]),
          panel("Users with a connection", "short", [
            [sum("connections_per_user_count", "instance"), "{{instance}}"],
          ]),
          panel("All nodes, as the store knows them", "short", [
            [`max(${of("cluster_connections")})`, "connections"],
          ]),
          panel("Without a credential", "short", [
            [sum("unauthenticated_sockets", "instance"), "{{instance}}"],
          ]),
        ],
      ],
      [
        "Health of connections",
        [
          panel("Silent connections", "short", [
            [sum("silent_connections", "instance"), "{{instance}}"],
          ]),
          panel("Heartbeat failures", "ops", [
            [rate("heartbeat_failures_total", "instance"), "{{instance}}"],
          ]),
          panel("Slow connections", "short", [
            [sum("slow_connections", "instance"), "{{instance}}"],
          ]),
          panel("Resumes by verdict", "ops", [[rate("resumes_total", "verdict"), "{{verdict}}"]]),
        ],
      ],
    ],
  },
  {
    uid: "message_flow",
    title: "Milepost: messages",
    about: "From publish to socket: how many, how large, how late, and what waits.",
    rows: [
      [
        "In and out",
        [
          panel("Published", "ops", [
            [rate("publications_accepted_total", "instance"), "{{instance}}"],
          ]),
          panel("Deliveries", "ops", [[rate("deliveries_total", "instance"), "{{instance}}"]]),
          panel("Deliveries for each publication", "short", [
            [`${rate("deliveries_total")} / ${rate("publications_accepted_total")}`, "fan-out"],
          ]),
          panel("Bytes out by node", "Bps", [
            [rate("sent_bytes_total", "instance"), "{{instance}}"],
          ]),
        ],
      ],
      [
        "Latency",
        [
          panel("Publish to socket", "ms", quantiles("publish_to_socket_milliseconds")),
          panel(
            "Publish to page, as pages report it",
            "ms",
            quantiles("publish_to_client_milliseconds"),
          ),
          panel("Calls of the store", "ms", quantiles("store_call_milliseconds")),
        ],
      ],
      [
        "What waits",
        [
          panel("Send queues", "bytes", [[sum("send_queue_bytes", "instance"), "{{instance}}"]]),
          panel("Entries merged away", "ops", [
            [rate("merged_entries_total", "instance"), "{{instance}}"],
          ]),
          panel("Publishes that wait for the store", "short", [
            [sum("spooled_publishes", "instance"), "{{instance}}"],
          ]),
          panel("Large publishes in turn", "bytes", [
            [sum("waiting_publish_bytes", "instance"), "{{instance}}"],
          ]),
          panel("Channels", "short", [[sum("channels", "instance"), "{{instance}}"]]),
          panel("Subscriptions", "short", [[sum("subscriptions", "instance"), "{{instance}}"]]),
          panel("Logs in memory", "bytes", [[sum("log_memory_bytes", "instance"), "{{instance}}"]]),
          panel("Entries trimmed", "ops", [
            [rate("trimmed_entries_total", "reason"), "{{reason}}"],
          ]),
        ],
      ],
    ],
  },
  {
    uid: "error_analysis",
    title: "Milepost: errors",
    about: "What failed, for whom it failed, and which limit was reached.",
    rows: [
      [
        "Publishing",
        [
          panel("Refused publishes by code", "ops", [
            [rate("publications_refused_total", "code"), "{{code}}"],
          ]),
          panel("Rate limits", "ops", [
            [rate("rate_limits_total", "scope, kind"), "{{scope}} {{kind}}"],
          ]),
          panel("Rates of rules", "ops", [
            [rate("publish_rate_limits_total", "scope"), "{{scope}}"],
          ]),
          panel("What was done to clients", "ops", [
            [rate("rate_limit_actions_total", "action"), "{{action}}"],
          ]),
        ],
      ],
      [
        "Delivery",
        [
          panel("Gaps by reason", "ops", [[rate("gaps_total", "reason"), "{{reason}}"]]),
          panel("Resets by reason", "ops", [[rate("resets_total", "reason"), "{{reason}}"]]),
          panel("Send queues that overflowed", "ops", [
            [rate("send_queue_overflows_total", "instance"), "{{instance}}"],
          ]),
          panel("Dead letters", "ops", [
            [rate("dead_letters_written_total", "instance"), "{{instance}}"],
          ]),
        ],
      ],
      [
        "Credentials and answers",
        [
          panel("Key sets", "ops", [[rate("key_set_fetches_total", "result"), "{{result}}"]]),
          panel("Session checks", "ops", [
            [rate("session_checks_total", "outcome"), "{{outcome}}"],
          ]),
          panel("Signatures refused", "ops", [
            [rate("signatures_refused_total", "fault"), "{{fault}}"],
          ]),
          panel("HTTP answers cut", "ops", [[rate("answers_cut_total", "reason"), "{{reason}}"]]),
        ],
      ],
      [
        "Telling people who are away",
        [
          panel("Pushes and webhooks", "ops", [
            [rate("reach_attempts_total", "way, outcome"), "{{way}} {{outcome}}"],
          ]),
        ],
      ],
    ],
  },
  {
    uid: "redis",
    title: "Milepost: Redis",
    about: "The store as the gateway sees it.",
    rows: [
      [
        "Link",
        [
          panel("Link by part", "short", [[`min by (part) (${of("store_link")})`, "{{part}}"]], {
            about: "1 while it works.",
          }),
          panel("Outage", "s", [
            [`max by (instance) (${of("store_outage_seconds")})`, "{{instance}}"],
          ]),
          panel("Outages", "ops", [[rate("store_outages_total", "instance"), "{{instance}}"]]),
          panel("Store full", "short", [
            [`max by (instance) (${of("store_full")})`, "{{instance}}"],
          ]),
        ],
      ],
      [
        "Calls",
        [
          panel("Calls by script", "ops", [
            [rate("store_calls_total", "script", 'result="ok"'), "{{script}}"],
          ]),
          panel("Failed calls", "ops", [
            [rate("store_calls_total", "script", 'result="failed"'), "{{script}}"],
          ]),
          panel("Time of calls", "ms", quantiles("store_call_milliseconds")),
          panel("Calls for each publication", "short", [
            [`${rate("store_calls_total")} / ${rate("publications_accepted_total")}`, "calls"],
          ]),
        ],
      ],
      [
        "Memory",
        [
          panel(
            "Memory by INFO",
            "bytes",
            [[`max by (part) (${of("redis_memory_bytes")})`, "{{part}}"]],
            { about: "max is 0 without maxmemory." },
          ),
          panel("Publishes that wait", "short", [
            [sum("spooled_publishes", "instance"), "{{instance}}"],
          ]),
        ],
      ],
    ],
  },
  {
    uid: "data",
    title: "Milepost: data folder",
    about: "The embedded store of a gateway without Redis.",
    rows: [
      [
        "Size",
        [
          panel("File and write-ahead log", "bytes", [
            [`max by (instance, part) (${of("data_bytes")})`, "{{instance}} {{part}}"],
          ]),
          panel(
            "Part of what the file may have",
            "percentunit",
            [
              [
                `(max by (instance) (${of("data_bytes", 'part="file"')}) - max by (instance) (${of("data_bytes", 'part="free"')})) / max by (instance) (${of("data_bytes", 'part="max"')})`,
                "{{instance}}",
              ],
            ],
            { about: "At 1 the store refuses new entries with store_full." },
          ),
          panel("Writes refused", "ops", [[rate("data_refusals_total", "reason"), "{{reason}}"]]),
          panel("Store full", "short", [
            [`max by (instance) (${of("store_full")})`, "{{instance}}"],
          ]),
        ],
      ],
      [
        "Work",
        [
          panel("Writes and commits", "ops", [
            [rate("data_writes_total", "instance"), "{{instance}} writes"],
            [rate("data_commit_milliseconds_count", "instance"), "{{instance}} commits"],
          ]),
          panel("Writes for each commit", "short", [
            [`${rate("data_writes_total")} / ${rate("data_commit_milliseconds_count")}`, "writes"],
          ]),
          panel("Time of commits", "ms", quantiles("data_commit_milliseconds")),
          panel("Time of syncs", "ms", quantiles("data_sync_milliseconds")),
          panel("Time of checkpoints", "ms", quantiles("data_checkpoint_milliseconds")),
          panel("Checkpoints", "ops", [
            [rate("data_checkpoint_milliseconds_count", "instance"), "{{instance}}"],
          ]),
        ],
      ],
    ],
  },
  {
    uid: "operations",
    title: "Milepost: operations",
    about: "Long-running work: how it fares, who steers it, how long people wait.",
    rows: [
      [
        "Operations",
        [
          panel("Statuses entered", "ops", [
            [rate("operation_statuses_total", "status"), "{{status}}"],
          ]),
          panel("By kind", "ops", [
            [
              rate("operation_statuses_total", "kind", 'status=~"done|failed|cancelled|lost"'),
              "{{kind}}",
            ],
          ]),
          panel("Share that failed", "percentunit", [
            [
              `${rate("operation_statuses_total", "kind", 'status=~"failed|lost"')} / ${rate("operation_statuses_total", "kind", 'status=~"done|failed|cancelled|lost"')}`,
              "{{kind}}",
            ],
          ]),
          panel("Stalled and lost", "ops", [
            [rate("operations_stalled_total"), "stalled"],
            [rate("operations_lost_total"), "lost"],
          ]),
        ],
      ],
      [
        "Commands and questions",
        [
          panel("Commands by phase", "ops", [[rate("commands_total", "phase"), "{{phase}}"]]),
          panel("Until the producer answers", "ms", quantiles("command_answer_milliseconds")),
          panel("Until a command ends", "ms", quantiles("command_end_milliseconds")),
          panel("Questions", "ops", [
            [rate("questions_asked_total"), "asked"],
            [rate("questions_settled_total", "outcome"), "{{outcome}}"],
          ]),
        ],
      ],
      [
        "Queues",
        [
          panel("Tickets by state", "ops", [[rate("queue_tickets_total", "state"), "{{state}}"]]),
          panel("Wait", "ms", quantiles("queue_wait_milliseconds")),
          panel("Service", "ms", quantiles("queue_service_milliseconds")),
          panel("Tickets of people connected here", "short", [
            [sum("queue_tickets_watched", "instance"), "{{instance}}"],
          ]),
        ],
      ],
      [
        "Estimates of the time left",
        [
          panel(
            "Where the truth lay",
            "percentunit",
            [
              [
                `sum by (outcome) (increase(${of("estimate_outcomes_total")}[6h])) / ignoring (outcome) group_left sum(increase(${of("estimates_told_total")}[6h]))`,
                "{{outcome}}",
              ],
            ],
            { about: "Nominally 0.5 below_p50, 0.4 inside, 0.1 above_p90." },
          ),
          panel("Estimates judged", "ops", [[rate("estimates_told_total"), "estimates"]]),
        ],
      ],
    ],
  },
];

const width = 6;
const height = 7;

/**
 * A dashboard as the JSON that Grafana imports.
 *
 * @param {Dashboard} dashboard
 */
export function dashboardJson({ uid, title, about, rows }) {
  /** @type {object[]} */
  const panels = [];
  let y = 0;
  let id = 1;
  for (const [row, members] of rows) {
    panels.push({
      id: id++,
      type: "row",
      title: row,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: 24, h: 1 },
    });
    y += 1;
    for (const [at, { title, unit, queries, kind = "timeseries", about }] of members.entries()) {
      const x = (at % 4) * width;
      if (at > 0 && x === 0) y += height;
      panels.push({
        id: id++,
        type: kind,
        title,
        ...(about === undefined ? {} : { description: about }),
        datasource: { type: "prometheus", uid: "$datasource" },
        gridPos: { x, y, w: width, h: height },
        fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
        options:
          kind === "stat"
            ? { reduceOptions: { calcs: ["lastNotNull"] } }
            : { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi" } },
        targets: queries.map(({ expr, legend }, at) => ({
          refId: String.fromCharCode(65 + at),
          expr,
          ...(legend === undefined ? {} : { legendFormat: legend }),
        })),
      });
    }
    y += height;
  }
  const variable = (/** @type {string} */ name, /** @type {string} */ query) => ({
    name,
    type: "query",
    datasource: { type: "prometheus", uid: "$datasource" },
    query,
    refresh: 2,
    multi: true,
    includeAll: true,
    allValue: ".*",
    current: { text: "All", value: "$__all" },
  });
  return {
    uid,
    title,
    description: about,
    tags: ["milepost"],
    schemaVersion: 39,
    editable: true,
    refresh: "15s",
    time: { from: "now-1h", to: "now" },
    templating: {
      list: [
        { name: "datasource", type: "datasource", query: "prometheus" },
        variable("job", "label_values(milepost_build_info, job)"),
        variable("instance", 'label_values(milepost_build_info{job=~"$job"}, instance)'),
      ],
    },
    panels,
  };
}

/**
 * The text of a dashboard's file.
 *
 * @param {Dashboard} dashboard
 */
export function dashboardText(dashboard) {
  return `${JSON.stringify(dashboardJson(dashboard), null, 2)}\n`;
}

export const folder = new URL("../../deploy/grafana/dashboards/", import.meta.url);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(folder, { recursive: true });
  for (const dashboard of dashboards) {
    writeFileSync(new URL(`${dashboard.uid}.json`, folder), dashboardText(dashboard));
  }
}
