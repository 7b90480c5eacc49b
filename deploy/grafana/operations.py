"""The dashboard of those who keep the centre running: what Prometheus knows at this moment."""

from panels import COUNT, RATE, SECONDS, Json, Panel, Row, metric_variable, source_variable

from acd.reports.report import Words

TITLE = Words("Call centre: operations", "呼叫中心：运行监控")
HERE = 'instance=~"$instance"'
QUEUE = f'{HERE}, queue=~"$queue"'


def variables(locale: str) -> list[Json]:
    """Return what can be chosen at the top."""
    return [
        source_variable("metrics", "prometheus", Words("Metrics", "指标数据源"), locale),
        metric_variable(
            "instance", "label_values(acd_calls_active, instance)", Words("Node", "节点"), locale
        ),
        metric_variable(
            "queue", "label_values(acd_queue_waiting, queue)", Words("Queue", "队列"), locale
        ),
    ]


def _figure(en: str, zh: str, query: str, unit: str = COUNT, **more: float) -> Panel:
    return Panel(
        kind="stat", title=Words(en, zh), unit=unit, queries=(query,), width=3, height=4, **more
    )


def _lines(en: str, zh: str, *lines: tuple[str, str], unit: str = COUNT, **more: object) -> Panel:
    return Panel(
        kind="timeseries",
        title=Words(en, zh),
        unit=unit,
        queries=tuple(query for query, _ in lines),
        legends=tuple(legend for _, legend in lines),
        **more,  # type: ignore[arg-type]  # the fields of Panel, each with its own type
    )


def _lately(metric: str, by: str = "") -> str:
    """Count what happened within 5 minutes."""
    summed = f"sum by ({by})" if by else "sum"
    return f"{summed} (increase({metric}{{{HERE}}}[5m]))"


def _share(part: str, whole: str, by: str = "") -> str:
    """Return part / whole over 15 minutes, 0 where nothing of the part was ever counted."""
    summed = f"sum by ({by})" if by else "sum"
    whole = f"{summed} (increase({whole}[15m]))"
    return f"({summed} (increase({part}[15m])) or 0 * {whole}) / {whole}"


def _rate(metric: str, selector: str = HERE, by: str = "") -> str:
    summed = f"sum by ({by})" if by else "sum"
    return f"{summed} (rate({metric}{{{selector}}}[$__rate_interval]))"


def _slowest(share: float) -> str:
    buckets = _rate("acd_loop_delay_seconds_bucket", by="instance, le")
    return f"histogram_quantile({share}, {buckets})"


IN_TIME = f"acd_queue_answered_in_time_total{{{QUEUE}}}"
ENTERED = f"acd_queue_entered_total{{{QUEUE}}}"
LEFT = f"acd_queue_left_total{{{QUEUE}}}"
GAVE_UP = f'acd_queue_left_total{{{QUEUE}, reason="abandoned"}}'
WAITS = f'{QUEUE}, answered="yes"'

NOW = Row(
    Words("Now", "当前"),
    (
        _figure("Calls", "通话数", f"sum(acd_calls_active{{{HERE}}})"),
        _figure("Waiting", "排队数", f"sum(acd_queue_waiting{{{QUEUE}}})"),
        _figure(
            "Longest wait",
            "最长等待",
            f"max(acd_queue_oldest_wait_seconds{{{QUEUE}}})",
            SECONDS,
            red_from=120,
        ),
        _figure(
            "Service level, 15 min",
            "规定期间接通率（15 分钟）",
            _share(IN_TIME, ENTERED),
            RATE,
            red_below=0.8,
        ),
        _figure(
            "Agents at work",
            "在岗坐席",
            f'sum(acd_agents{{{HERE}, state!~"offline|paused"}}) or vector(0)',
        ),
        _figure("Phones", "在册话机", f"sum(acd_registrations{{{HERE}}}) or vector(0)"),
        _figure("Database", "数据库", f"min(acd_database_up{{{HERE}}})", red_below=1),
        _figure(
            "Reports behind",
            "报表滞后",
            f"max(acd_journal_lag_seconds{{{HERE}}})",
            SECONDS,
            red_from=120,
        ),
    ),
)

QUEUES = Row(
    Words("Queues", "队列"),
    (
        _lines(
            "Waiting", "排队数", (f"sum by (queue) (acd_queue_waiting{{{QUEUE}}})", "{{queue}}")
        ),
        _lines(
            "Longest wait",
            "最长等待",
            (f"max by (queue) (acd_queue_oldest_wait_seconds{{{QUEUE}}})", "{{queue}}"),
            unit=SECONDS,
        ),
        _lines(
            "Service level, 15 min",
            "规定期间接通率（15 分钟）",
            (_share(IN_TIME, ENTERED, "queue"), "{{queue}}"),
            unit=RATE,
            note=Words(
                "Answered within the queue's service_level_s / offered. Visits of customers who"
                " are called back count here and not in reports.",
                "队列 service_level_s 内接起 / 呼入。此处含预约回呼的接续，报表不含。",
            ),
        ),
        _lines(
            "How visits ended, per 5 min",
            "排队结果（每 5 分钟）",
            (f"sum by (reason) (increase({LEFT}[5m]))", "{{reason}}"),
            stacked=True,
            bars=True,
        ),
        _lines(
            "Mean speed of answer, 15 min",
            "平均应答速度（15 分钟）",
            (
                f"sum by (queue) (rate(acd_queue_wait_seconds_sum{{{WAITS}}}[15m]))"
                f" / sum by (queue) (rate(acd_queue_wait_seconds_count{{{WAITS}}}[15m]))",
                "{{queue}}",
            ),
            unit=SECONDS,
        ),
        _lines(
            "Abandoned, 15 min",
            "放弃率（15 分钟）",
            (_share(GAVE_UP, ENTERED, "queue"), "{{queue}}"),
            unit=RATE,
        ),
        _lines(
            "Call-backs",
            "预约回呼",
            (f"sum(acd_callbacks_open{{{HERE}}})", "open"),
            (f"sum(increase(acd_callbacks_requested_total{{{QUEUE}}}[1h]))", "requested, 1 h"),
            (f"sum(increase(acd_callback_attempts_total{{{QUEUE}}}[1h]))", "attempts, 1 h"),
            (
                f"sum by (outcome) (increase(acd_callbacks_ended_total{{{QUEUE}}}[1h]))",
                "{{outcome}}, 1 h",
            ),
        ),
        _lines(
            "Closed in an emergency",
            "紧急关闭",
            (f"max by (queue) (acd_queue_closed{{{QUEUE}}})", "{{queue}}"),
        ),
        _lines(
            "Callers",
            "来电",
            (
                _lately("acd_calls_started_total", "direction"),
                "{{direction}}, 5 min",
            ),
            (
                _lately("acd_calls_rejected_total", "reason"),
                "refused: {{reason}}",
            ),
        ),
    ),
)

AGENTS = Row(
    Words("Agents", "坐席"),
    (
        _lines(
            "Agents by state",
            "坐席状态",
            (f"sum by (state) (acd_agents{{{HERE}}})", "{{state}}"),
            stacked=True,
        ),
        _lines(
            "Offers by outcome, per 5 min",
            "派工结果（每 5 分钟）",
            (_lately("acd_offers_total", "outcome"), "{{outcome}}"),
            stacked=True,
            bars=True,
        ),
        _lines(
            "Ringing, mean",
            "平均振铃时长",
            (
                f"{_rate('acd_offer_ring_seconds_total')} / {_rate('acd_offers_total')}",
                "offers",
            ),
            (
                f"{_rate('acd_party_ring_seconds_total')} / {_rate('acd_parties_answered_total')}",
                "own calls",
            ),
            unit=SECONDS,
        ),
        _lines(
            "What agents were chosen by",
            "选派依据",
            (_rate("acd_offer_choices_total", QUEUE, "order"), "{{order}}"),
            stacked=True,
        ),
        _lines(
            "Talk and hold: agents at it",
            "通话与保持：占用坐席数",
            (_rate("acd_talk_seconds_total", QUEUE), "talk"),
            (_rate("acd_hold_seconds_total", QUEUE), "hold"),
            stacked=True,
        ),
        _lines(
            "Away for too long, dispositions, transfers, per hour",
            "离座超时、小结、转接（每小时）",
            (
                f"sum by (reason) (increase(acd_away_limits_exceeded_total{{{HERE}}}[1h]))",
                "away: {{reason}}",
            ),
            (f"sum by (class) (increase(acd_dispositions_total{{{HERE}}}[1h]))", "{{class}}"),
            (
                f"sum by (kind, outcome) (increase(acd_transfers_total{{{HERE}}}[1h]))",
                "transfer {{kind}}: {{outcome}}",
            ),
        ),
    ),
)

PHONES = Row(
    Words("Phones, SIP and trunks", "话机、SIP 与中继"),
    (
        _lines(
            "Registered phones",
            "在册话机",
            (f"sum by (transport) (acd_registrations{{{HERE}}})", "{{transport}}"),
            (f"sum(acd_contacts_unreachable{{{HERE}}})", "silent"),
        ),
        _lines(
            "SIP requests in, per second",
            "收到的 SIP 请求（每秒）",
            (_rate("acd_sip_requests_total", f'{HERE}, direction="in"', "method"), "{{method}}"),
        ),
        _lines(
            "SIP failures sent, per second",
            "发出的 SIP 失败应答（每秒）",
            (
                _rate(
                    "acd_sip_responses_total",
                    f'{HERE}, direction="out", code=~"[4-6].."',
                    "code",
                ),
                "{{code}}",
            ),
            (_rate("acd_sip_auth_failures_total", by="method"), "wrong password: {{method}}"),
        ),
        _lines(
            "Legs, transactions, connections",
            "会话、事务、连接",
            (f"sum(acd_sip_legs{{{HERE}}})", "legs"),
            (f"sum by (state) (acd_sip_transactions{{{HERE}}})", "transactions {{state}}"),
            (f"sum by (transport) (acd_sip_connections{{{HERE}}})", "{{transport}}"),
            (f"sum(acd_sip_transfers{{{HERE}}})", "transfers"),
        ),
        _lines(
            "Trunks up",
            "中继状态",
            (f"min by (trunk) (acd_trunk_up{{{HERE}}})", "{{trunk}}"),
            (f"min by (trunk, gateway) (acd_gateway_up{{{HERE}}})", "{{trunk}} {{gateway}}"),
        ),
        _lines(
            "Channels in use",
            "占用中继线",
            (f"sum by (trunk) (acd_trunk_channels_in_use{{{HERE}}})", "{{trunk}}"),
        ),
        _lines(
            "Gateways: round trip of OPTIONS",
            "网关往返时延",
            (f"max by (gateway) (acd_gateway_options_seconds{{{HERE}}})", "{{gateway}}"),
            unit=SECONDS,
        ),
        _lines(
            "Gateways: failures per 5 min",
            "网关失败（每 5 分钟）",
            (
                _lately("acd_gateway_failures_total", "gateway"),
                "{{gateway}}",
            ),
        ),
        _lines(
            "Connections and handshakes refused, per 5 min",
            "被拒连接与握手（每 5 分钟）",
            (
                _lately("acd_sip_connections_refused_total", "cause"),
                "refused: {{cause}}",
            ),
            (
                _lately("acd_sip_connections_cut_total", "cause"),
                "cut: {{cause}}",
            ),
            (
                _lately("acd_sip_tls_handshakes_failed_total", "direction"),
                "TLS {{direction}}",
            ),
            (_lately("acd_sip_datagrams_dropped_total"), "datagrams"),
        ),
    ),
)

MEDIA = Row(
    Words("Media", "媒体"),
    (
        _lines(
            "Streams, workers, ports ready",
            "媒体流、进程、可用端口",
            (f"sum(acd_media_streams{{{HERE}}})", "streams"),
            (f"sum(acd_media_workers{{{HERE}}})", "workers"),
            (f"sum(acd_media_ports_ready{{{HERE}}})", "ports"),
        ),
        _lines(
            "RTP packets of ended streams, per second",
            "已结束媒体流的 RTP 包（每秒）",
            (_rate("acd_media_packets_received_total"), "received"),
            (_rate("acd_media_packets_sent_total"), "sent"),
        ),
        _lines(
            "Packets missing and late, share",
            "丢包与迟到比例",
            (
                f"{_rate('acd_media_packets_lost_total')}"
                f" / {_rate('acd_media_packets_received_total')}",
                "missing",
            ),
            (
                f"{_rate('acd_media_packets_late_total')}"
                f" / {_rate('acd_media_packets_received_total')}",
                "late",
            ),
            unit=RATE,
            note=Words(
                "Counted when a stream ends.",
                "在媒体流结束时统计。",
            ),
        ),
        _lines(
            "Workers lost, packets from strangers, per 10 min",
            "进程异常与外来包（每 10 分钟）",
            (f"sum(increase(acd_media_worker_restarts_total{{{HERE}}}[10m]))", "workers"),
            (f"sum(increase(acd_media_packets_foreign_total{{{HERE}}}[10m]))", "packets"),
        ),
    ),
)

RECORDS = Row(
    Words("Records", "记录"),
    (
        _lines(
            "Reports behind",
            "报表滞后",
            (f"max by (instance) (acd_journal_lag_seconds{{{HERE}}})", "{{instance}}"),
            unit=SECONDS,
        ),
        _lines(
            "Records that wait",
            "待写入记录",
            (f"sum by (instance) (acd_journal_lag_records{{{HERE}}})", "{{instance}}"),
        ),
        _lines(
            "Journal: how full",
            "日志占用",
            (f"acd_journal_bytes{{{HERE}}} / acd_journal_limit_bytes{{{HERE}}}", "{{instance}}"),
            (f"acd_journal_failing{{{HERE}}}", "{{instance}}: cannot be written"),
            unit=RATE,
        ),
        _lines(
            "What other systems told, per hour",
            "外部系统回传（每小时）",
            (
                f"sum by (state) (increase(acd_orders_changed_total{{{HERE}}}[1h]))",
                "orders: {{state}}",
            ),
            (f"sum by (told) (increase(acd_csat_recorded_total{{{HERE}}}[1h]))", "CSAT: {{told}}"),
            (
                f"sum by (outcome) (increase(acd_matters_settled_total{{{HERE}}}[1h]))",
                "matters: {{outcome}}",
            ),
        ),
        _lines(
            "Partitions deleted by age, per day",
            "到期清理的分区（每天）",
            (f"sum(increase(acd_partitions_dropped_total{{{HERE}}}[1d]))", "partitions"),
        ),
    ),
)

SERVER = Row(
    Words("Server", "服务器"),
    (
        _lines(
            "Lateness of the event loop",
            "事件循环延迟",
            (_slowest(0.5), "{{instance}} p50"),
            (_slowest(0.99), "{{instance}} p99"),
            unit=SECONDS,
        ),
        _lines(
            "CPU of the server's process, cores",
            "主进程 CPU（核）",
            (_rate("process_cpu_seconds_total", by="instance"), "{{instance}}"),
        ),
        _lines(
            "Memory of the server's process",
            "主进程内存",
            (f"process_resident_memory_bytes{{{HERE}}}", "{{instance}}"),
            unit="bytes",
        ),
        _lines(
            "Overload and what is turned away",
            "过载与拒绝",
            (f"max by (instance) (acd_overload_level{{{HERE}}})", "{{instance}}: level"),
            (_rate("acd_messages_turned_away_total", by="what"), "{{what}} per s"),
        ),
        _lines(
            "Offences and bans",
            "违规与封禁",
            (_lately("acd_offences_total", "offence"), "{{offence}}"),
            (f"sum(acd_banned_sources{{{HERE}}})", "banned now"),
            (_lately("acd_bans_total"), "bans begun"),
        ),
        _lines(
            "Calls that ended, per 5 min",
            "结束的通话（每 5 分钟）",
            (_lately("acd_calls_total", "outcome"), "{{outcome}}"),
            (
                _lately("acd_flow_reloads_total", "result"),
                "flows loaded: {{result}}",
            ),
            stacked=True,
            bars=True,
        ),
    ),
)

ROWS = (NOW, QUEUES, AGENTS, PHONES, MEDIA, RECORDS, SERVER)
