//! Tools of servers that lie, hide and confuse, and of those that are merely odd.

use crate::support::system::{PATIENCE, computing_time};

use policylayer::risk::{Catalogue, Class, Classification, Confidence, Listed, classify_tool, profile_tool};
use serde_json::{Value, json};

#[track_caller]
fn judge(tool: &Value) -> Classification {
    classify_tool(&Listed::read(tool).expect("it has a name"))
}

#[track_caller]
fn assert_class(tool: Value, class: Class, confidence: Confidence) {
    let verdict = judge(&tool);
    assert_eq!((verdict.class, verdict.confidence), (class, confidence), "{tool} {verdict:?}");
}

#[track_caller]
fn assert_name(name: &str, class: Class, confidence: Confidence) {
    assert_class(json!({"name": name}), class, confidence);
}

#[test]
fn a_harmful_verb_anywhere_beats_a_reading_one() {
    use Class::{Destructive, Execute, Financial, Read, Write};
    for (name, class) in [
        ("get_or_create", Write),
        ("fetch_and_delete", Destructive),
        ("list_purge", Destructive),
        ("getOrCreateUser", Write),
        ("search_and_send", Execute),
        ("check_and_pay", Financial),
        ("read_write_query", Execute),
        ("lists.get", Read),
        ("mcp__server__delete_user", Destructive),
        ("read.delete", Destructive),
        ("delete.preview", Destructive),
        ("invoices.list", Read),
        ("invoices.create", Financial),
        ("messages.create", Execute),
        ("get_export_jobs", Read),
        ("export_list", Execute),
        ("DELETE_USER", Destructive),
        ("GetURLById2", Read),
        ("get_deleted_items", Read),
        ("list_droplets", Read),
        ("get_deleteuser", Destructive),
        ("refundOrder", Financial),
        ("place_order", Financial),
        ("get_payment", Read),
        ("query_run", Execute),
        ("screenshot_upload", Write),
        ("list_share", Execute),
        ("list_runs", Read),
        ("get_run", Read),
    ] {
        assert_name(name, class, Confidence::High);
    }
}

#[test]
fn a_thing_at_the_end_of_a_name_need_not_be_read() {
    for name in [
        "rework_list",
        "reword_query",
        "wobbleTree",
        "issue_list",
        "list_and_vaporize",
        "vaporize.view",
        "iterable.get_lists",
    ] {
        assert_name(name, Class::Read, Confidence::Medium);
    }
    for name in [
        "pods_list",
        "issues.list",
        "issue_read",
        "client_list",
        "agent_status",
        "get_project_update",
        "get_send_status",
        "list_create_fields",
        "list_label",
        "take_screenshot",
        "capture_screenshot",
        "convert_time",
        "test_connection",
        "generate_uuid",
        "verify_signature",
        "localstorage_list",
        "list",
        "tree",
        "get_tree",
        "get_issues_and_labels",
    ] {
        assert_name(name, Class::Read, Confidence::High);
    }
    for name in ["regenerate_list_items", "rebuild_tree"] {
        assert_name(name, Class::Execute, Confidence::High);
    }
}

#[test]
fn a_name_that_tells_nothing_counts_as_execute() {
    for name in ["frobnicate", "read.frobnicate", "x", "_", "", "123", "getusers", "data", "tool with words"] {
        assert_name(name, Class::Execute, Confidence::Low);
    }
    // The server's word for it is worth something, and not enough.
    let tool = json!({"name": "frobnicate", "description": "Lists all users.", "annotations": {"readOnlyHint": true}});
    assert_class(tool.clone(), Class::Read, Confidence::Medium);
    assert_eq!(judge(&tool).counts_as(), Class::Execute);
    let tool = json!({"name": "frobnicate", "annotations": {"readOnlyHint": true, "destructiveHint": false}});
    assert_class(tool, Class::Execute, Confidence::Low);
}

#[test]
fn lying_names_do_not_pass_for_reads() {
    for name in [
        "gеt_users",
        "get_dеlete",
        "get_users\u{200b}",
        "get\u{202e}_users",
        "ｇｅｔ_users",
        "get_users\n",
        "get_\u{1b}[2Jusers",
        "list_únicos",
        "get_users\0",
    ] {
        let verdict = judge(&json!({"name": name}));
        assert!(verdict.class >= Class::Execute && verdict.confidence == Confidence::Low, "{name:?} {verdict:?}");
    }
    assert_name("dele\u{200b}te_user", Class::Destructive, Confidence::Low);
    for name in
        ["get_DeLeTe", "getDeLeTe", "get_de1ete_user", "get_d3lete", "list_deIete", "get_DELETE", "getDELETEUser"]
    {
        let verdict = judge(&json!({"name": name}));
        assert_eq!(verdict.class, Class::Destructive, "{name} {verdict:?}");
    }
    // A number is not read as a word that it looks like, such as "sell".
    assert_name("get_5311", Class::Read, Confidence::High);
}

#[test]
fn what_the_server_says_raises() {
    use Class::{Destructive, Execute, Financial, Read, Write};
    for (description, class) in [
        ("Deletes a user.", Destructive),
        ("Delete a user", Destructive),
        ("This tool deletes everything.", Destructive),
        ("Gets a user. Deletes it as well.", Destructive),
        ("Gets a user, then deletes it.", Destructive),
        ("Gets a user and permanently hides it.", Destructive),
        ("Removal that cannot\nbe   undone!", Destructive),
        ("THIS CANNOT BE UNDONE", Destructive),
        ("De\u{200b}letes a user.", Destructive),
        ("Without warning deletes a user.", Destructive),
        ("Gets a user and sends an email.", Execute),
        ("Runs a shell command.", Execute),
        ("Get anything by executing arbitrary code", Execute),
        ("Charges the customer.", Financial),
        ("Refunds an order.", Financial),
        ("Gets a user. It will delete the others.", Destructive),
        ("Run a shell command.", Execute),
        ("Executes arbitrary code and gets a user.", Execute),
        ("Run a find and delete.", Destructive),
        // What an object follows is a verb, though it could be a noun.
        ("Find and book a flight.", Execute),
        ("Finds a flight, and books it.", Execute),
        ("Find and switch on what is hidden. Opens a browser.", Execute),
        ("CRUD users.", Destructive),
        ("Switch to another account. Closes all sessions, deletes saved cookies.", Destructive),
        // The worst of the ways counts, and one that is not known is no read.
        ("User operations (list, find, remove)", Destructive),
        ("User ops: list/get/find/metadata/count/search/read/delete_user. get is short.", Destructive),
        ("Users: list, frobnicate, get", Execute),
        ("User ops: list/frobnicate/delete", Destructive),
        ("Initialize the connection.", Execute),
    ] {
        assert_class(json!({"name": "get_x", "description": description}), class, Confidence::Medium);
    }
    // What is said to write, and no more, is believed of a name that reads: nobody says so of what does not.
    for description in [
        "Creates the user where there is none.",
        "Get or create a user.",
        "Overwrites the file.",
        "Gets users. Actions: list, set.",
    ] {
        assert_class(json!({"name": "get_x", "description": description}), Write, Confidence::High);
        // Not where something else is in doubt: the hint is said of what sends as well.
        for name in ["vaporize_list", "get_password"] {
            assert_class(json!({"name": name, "description": description}), Write, Confidence::Medium);
        }
        let hints = json!({"readOnlyHint": false});
        let hinted = json!({"name": "get_x", "description": description, "annotations": hints});
        assert_class(hinted, Write, Confidence::Medium);
    }
    for description in [
        "Gets a user. It does not delete anything.",
        "Never deletes a user.",
        "Gets a user. Read-only; it doesn't delete or change a thing.",
        "Gets deleted users, updates, sends and opens.",
        "Get a user. To delete one, use delete_user.",
        "Get an order's status, payment and refund amount.",
        "Call this tool when you need users.",
        "Allows you to get a user.",
        "Formats a user.",
        "Gets changes since then, labels, and releases.",
        "Get statistics such as opens, clicks, and conversions.",
        "Get comments and label names.",
        "Fetch a page and convert it to text.",
        "Gets advice, which includes the suggested operations: drop an index.",
        "Get users, no CRUD.",
        "Run a health probe.",
        "Usage data. Actions: summary (of all), hosts, aggregate.",
        "**Purpose:** List users with metadata: names, delete.",
        "Get users with their allowed operations (read, delete).",
        "Get users: suggested indexes, drop index suggestions.",
        "Run a find query against users.",
        "Execute the search operation.",
        "Gets a user.\n\nArgs:\n    updates: what else to get\n    Deletes: nothing",
        "Gets a user. Config includes blocked shell commands.",
        "Gets a user. Rejects groups. Retries can be slow.",
        "Gets a user. Only call it if you can execute a command.",
        "Gets a user, which is ready to accept\nupserts and queries.",
        "",
        "🙂",
        "For ééing by ßßing, eing and ing",
    ] {
        assert_class(json!({"name": "get_x", "description": description}), Read, Confidence::High);
    }
    assert_class(json!({"name": "get_x", "title": "Delete user"}), Destructive, Confidence::Medium);
    assert_class(json!({"name": "get_x", "annotations": {"title": "Delete user"}}), Destructive, Confidence::Medium);
}

#[test]
fn a_description_settles_what_the_name_leaves_open() {
    use Class::{Destructive, Execute, Read, Write};
    let told = |name: &str, description: &str| json!({"name": name, "description": description});
    for (name, description, class) in [
        ("kcp_workspaces_list", "List all available kcp workspaces", Read),
        ("blorb_logs", "Get logs for all runs of a blorb.", Read),
        ("account_balance", "Get the balance of an account", Read),
        ("blorb_create", "Create a blorb", Write),
        ("blorb_name", "Sets the name of a blorb.", Write),
        ("blorb_name", "Sends the name of a blorb.", Execute),
    ] {
        assert_class(told(name, description), class, Confidence::High);
    }
    // The unknown word has to be a thing in it.
    for (name, description) in [
        ("vaporize_list", "Lists all users."),
        ("vaporize_list", "Vaporize a list."),
        ("vaporize_list", "Gets a list and can vaporize it."),
        ("vaporize_list", "Gets a list to vaporize."),
        ("vaporize_list", "A vaporize of lists."),
        ("vaporize_a_b_zap_yeet_bork_smash_list", "List the vaporize zap yeet bork s."),
    ] {
        let verdict = judge(&told(name, description));
        assert_eq!(verdict.counts_as(), Execute, "{name} {description} {verdict:?}");
    }
    // What the name or the arguments say against it stays.
    assert_class(told("delete_balance", "Gets the balance."), Destructive, Confidence::High);
    assert_class(told("blorb_name", "Gets the name of a blorb and deletes it."), Destructive, Confidence::Medium);
    assert_class(told("send_balance", "Gets the balance."), Execute, Confidence::High);
    for (properties, class) in [
        (json!({"force": {}}), Execute),
        (json!({"action": {"enum": ["get", "delete"]}}), Destructive),
        (json!({"status": {"enum": ["open", "void"]}}), Read),
    ] {
        let mut tool = told("account_balance", "Get the balance of an account");
        tool["inputSchema"] = json!({"properties": properties});
        let verdict = judge(&tool);
        assert_eq!(verdict.class, class, "{tool} {verdict:?}");
    }
    let mut hinted = told("account_balance", "Get the balance of an account");
    hinted["annotations"] = json!({"destructiveHint": true});
    assert_class(hinted, Execute, Confidence::Medium);
}

#[test]
fn what_is_meant_is_told_by_what_is_around_it() {
    use Class::{Destructive, Execute, Financial, Read, Write};
    let told = |name: &str, description: &str| json!({"name": name, "description": description});
    for (name, description, class) in [
        // What follows "to" is waited for, unless nothing else opens the sentence.
        ("wait_for_page", "Wait for it to complete", Read),
        ("geocoding", "Search for places by name.", Read),
        ("track_parcel", "Track a parcel by its number.", Read),
        ("check_api_key", "Check if a key is set", Read),
        ("get_credential_schema", "Get the fields of a credential.", Read),
        ("list_endpoint_builds", "List serverless endpoint builds.", Read),
        ("calculate", "Evaluate a batch of math expressions.", Read),
        ("research_import", "Import what was found.", Write),
        ("modify_labels", "Adds or removes labels.", Write),
        ("post_comment", "Post a comment.", Write),
        ("funding_rate", "Funding rate history.", Read),
        ("exa_process", "Extract what a page says.", Read),
        ("execute_query", "Execute a read-only SQL query.", Read),
        ("run_report", "Runs a report of users.", Read),
        ("build_info", "Get information about a build.", Read),
        ("label_values", "List the values of a label.", Read),
        ("reports_orders", "Get a report of orders.", Read),
    ] {
        assert_class(told(name, description), class, Confidence::High);
    }
    for (name, description, class) in [
        ("email_summary", "", Execute),
        ("email_summary", "Email a summary.", Execute),
        ("email_summary", "Gets a summary and emails it.", Execute),
        ("get_x", "Use this to delete a user.", Destructive),
        ("get_x", "Wait for it to be found and delete it.", Destructive),
        ("deleting", "Search for places.", Execute),
        ("funding_rate", "Vaporize the history.", Execute),
        ("vaporize_rate", "Funding rate history.", Execute),
        ("search/run_query", "Finds users.", Execute),
        ("execute_query", "Finds users.", Execute),
        ("export_data", "The data, sent to others.", Execute),
        ("bombing_list", "Vaporize a list.", Execute),
        ("track_event", "Track an event.", Execute),
        ("get_api_key", "Get the key.", Execute),
        ("get_x", "Lists all. This endpoint then sends the rest.", Execute),
        ("query_graphql", "Query an endpoint.", Execute),
        ("get_x", "Fetches a page. Fees are paid automatically.", Financial),
        ("manage_lists", "Manage lists: create, update, delete, or clear them.", Destructive),
        ("add_x", "Adds a label or removes it.", Destructive),
    ] {
        let verdict = judge(&told(name, description));
        assert_eq!(verdict.counts_as(), class, "{name} {description} {verdict:?}");
    }
    let with = |name: &str, description: &str, argument: &str| {
        let mut tool = told(name, description);
        tool["inputSchema"] = json!({"properties": {argument: {"description": "Bypass the cache"}}});
        judge(&tool).counts_as()
    };
    assert_eq!(with("generate", "Generate an answer.", "topic"), Read);
    assert_eq!(with("generate", "Generate an answer.", "prompt"), Execute);
    assert_eq!(with("aggregate_logs", "Search and count logs.", "group_by"), Read);
    assert_eq!(with("aggregate_logs", "Search and count logs.", "pipeline"), Execute);
    assert_eq!(with("blorb_registers", "Get registers.", "address"), Read);
    assert_eq!(with("blorb_registers", "Get registers.", "action"), Execute);
    assert_eq!(with("get_x", "Get or set it.", "x"), Write);
    assert_eq!(with("get_x", "Get it.", "force"), Read);
    assert_eq!(with("create_x", "Create it.", "exclude_from_budget"), Write);
}

#[test]
fn annotations_are_claims() {
    use Class::{Destructive, Execute, Read, Write};
    let hinted = |name: &str, hints: Value| json!({"name": name, "annotations": hints});
    assert_class(hinted("get_x", json!({"readOnlyHint": false})), Write, Confidence::Medium);
    assert_class(hinted("get_x", json!({"destructiveHint": true})), Execute, Confidence::Medium);
    // Of updates it is said as often as of what destroys.
    assert_class(hinted("update_x", json!({"destructiveHint": true})), Write, Confidence::High);
    assert_class(hinted("update_x", json!({"readOnlyHint": false, "destructiveHint": true})), Write, Confidence::High);
    // It has a meaning only where the other one is not set (MCP, ToolAnnotations).
    assert_class(hinted("get_x", json!({"readOnlyHint": true, "destructiveHint": true})), Read, Confidence::High);
    // Many tools that search have this one.
    assert_class(hinted("search_x", json!({"openWorldHint": true})), Read, Confidence::High);
    assert_class(hinted("get_x", json!({"destructiveHint": "yes", "readOnlyHint": 0})), Read, Confidence::High);
    let lie = json!({"readOnlyHint": true, "destructiveHint": false, "openWorldHint": false, "idempotentHint": true});
    assert_class(hinted("delete_x", lie.clone()), Destructive, Confidence::Medium);
    assert_class(hinted("run_x", lie.clone()), Execute, Confidence::Medium);
    assert_class(hinted("create_x", lie), Write, Confidence::High);
}

#[test]
fn arguments_tell() {
    use Class::{Destructive, Execute, Financial, Read, Write};
    let with =
        |properties: Value| json!({"name": "get_x", "inputSchema": {"type": "object", "properties": properties}});
    for (properties, class) in [
        (json!({"force": {"type": "boolean"}}), Execute),
        (json!({"amount": {}, "currency": {}}), Financial),
        (json!({"sql": {}}), Execute),
        (json!({"query": {"description": "The SQL to run"}}), Execute),
        (json!({"code": {"description": "JavaScript to evaluate"}}), Execute),
        (json!({"command": {}}), Execute),
        (json!({"to": {}, "body": {}}), Execute),
        (json!({"recipients": {}, "text": {}}), Execute),
        (json!({"callbackUrl": {}}), Execute),
        (json!({"webhook_url": {}}), Execute),
        (json!({"deleteAfter": {}}), Destructive),
        (json!({"action": {"enum": ["create", "update", "delete"]}}), Destructive),
        (json!({"method": {"enum": ["GET", "POST", "DELETE"]}}), Destructive),
        (json!({"action": {"anyOf": [{"const": "get"}, {"const": "delete"}]}}), Destructive),
        (json!({"actions": {"type": "array", "items": {"enum": ["get", "delete"]}}}), Destructive),
    ] {
        assert_class(with(properties), class, Confidence::Medium);
    }
    for properties in
        [json!({"dryRun": {}}), json!({"dry_run": true}), json!({"operation": {"enum": ["get", "create"]}})]
    {
        assert_class(with(properties), Write, Confidence::High);
    }
    for properties in [
        json!({"query": {"type": "string"}, "code": {"description": "The country's code"}}),
        json!({"query": {"description": "PromQL to execute"}}),
        json!({"from": {}, "to": {}}),
        json!({"amount": {}}),
        // A safety of the server's own.
        json!({"confirm": {}, "confirmation": {}}),
        // A filter.
        json!({"status": {"enum": ["open", "void", "deleted"]}, "max_budget": {}, "selector": {}}),
        json!({"operations": {"type": "array", "items": {"enum": ["dropIndexSuggestions"]}}}),
        json!({"selection_mode": {"enum": ["post_ids", "around_post"]}, "forceRefresh": {}}),
        json!({"sort": {"enum": ["created", "deleted"]}, "action": {"enum": ["get", 7, null, {"a": []}]}}),
        json!({"__proto__": {"enum": ["delete"]}, "constructor": null, "": [], "é": 3}),
        json!({"action": {"enum": {"delete": 1}}, "mode": [], "op": "delete"}),
        json!({"action": {"enum": ["positions", "top_trades", "trade_data"]}}),
        json!("garbage"),
        json!([{"force": 1}]),
    ] {
        assert_class(with(properties), Read, Confidence::High);
    }
    let changing =
        |properties: Value| json!({"name": "update_x", "inputSchema": {"type": "object", "properties": properties}});
    for (properties, class) in [
        (json!({"status": {"enum": ["open", "void"]}}), Destructive),
        (json!({"new_state": {"enum": ["deleted"]}}), Destructive),
        (json!({"status": {"enum": ["APPROVED", "OPEN"]}}), Execute),
        (json!({"daily_budget": {}}), Financial),
        (json!({"spend_cap": {}}), Financial),
        (json!({"bidAmount": {}}), Financial),
        (json!({"amount": {}, "privateKey": {}}), Financial),
        (json!({"selector": {}, "text": {}}), Execute),
    ] {
        assert_class(changing(properties), class, Confidence::Medium);
    }
    for schema in [json!(null), json!([]), json!(7), json!({"properties": null})] {
        assert_class(json!({"name": "get_x", "inputSchema": schema}), Read, Confidence::High);
    }
}

#[test]
fn reasons_name_the_sign_and_drive_no_terminal() {
    let reason = |tool: Value| judge(&tool).reason;
    assert_eq!(reason(json!({"name": "delete_list"})), "Its name has the word \"delete\".");
    assert_eq!(
        reason(json!({"name": "get_x", "description": "Permanently."})),
        "Its description says \"permanently\"."
    );
    assert_eq!(
        reason(json!({"name": "get_x", "inputSchema": {"properties": {"mode": {"enum": ["get", "wipe\u{1b}[2J"]}}}})),
        "Its argument \"mode\" can be \"wipe\\u{1b}[2J\"."
    );
    assert_eq!(reason(json!({"name": "frobnicate"})), "Nothing shows what it does.");
    let long = "delete".to_owned() + &"y".repeat(500);
    let tool = json!({"name": "get_x", "inputSchema": {"properties": {"mode": {"enum": [long + " delete"]}}}});
    assert!(reason(tool.clone()).chars().count() < 120, "{}", reason(tool));
}

#[test]
fn what_is_long_takes_no_longer_than_its_length() {
    let texts =
        ["a ", "a", "delete ", "not permanently ", "Deletes. ", "aB", "de_", "A", "\u{200b}", "get__", "1a", "- "];
    for piece in texts {
        let of = |size: usize| piece.repeat(size / piece.len());
        let long = of(1 << 16);
        let tool = json!({
            "name": long, "title": long, "description": of(1 << 20),
            "inputSchema": {"properties": {&long: {"description": long, "enum": [long]}}}
        });
        let start = computing_time();
        let listed = Listed::read(&tool).unwrap();
        let verdict = classify_tool(&listed);
        let profile = profile_tool(Catalogue::for_server("other"), &listed);
        // Even unoptimized; what is quadratic takes hours.
        let took = computing_time() - start;
        assert!(took < PATIENCE, "{piece:?} took {took:?}");
        assert!(verdict.reason.len() < 400 && profile.class == verdict.counts_as(), "{piece:?} {verdict:?}");
    }
}

#[test]
fn a_profile_tells_people_messages_and_what_stays_done() {
    let told = |tool: Value| {
        let profile = profile_tool(Catalogue::for_server("other"), &Listed::read(&tool).unwrap());
        (profile.pii, profile.sends, profile.irreversible)
    };
    assert_eq!(told(json!({"name": "get_weather"})), (false, false, false));
    assert_eq!(told(json!({"name": "get_customer"})), (true, false, false));
    assert_eq!(told(json!({"name": "get_x", "inputSchema": {"properties": {"userEmail": {}}}})), (true, false, false));
    assert_eq!(told(json!({"name": "send_report"})), (false, true, true));
    assert_eq!(told(json!({"name": "slack_post_message"})), (false, true, true));
    assert_eq!(told(json!({"name": "delete_file"})), (false, false, true));
    assert_eq!(told(json!({"name": "run_job"})), (false, false, false));
    assert_eq!(told(json!({"name": "x", "inputSchema": {"properties": {"to": {}, "body": {}}}})), (false, true, true));
}

#[test]
fn what_is_changed_counts() {
    use Class::{Execute, Financial, Write};
    for (name, class) in [
        ("create_cluster", Execute),
        ("createVm", Execute),
        ("create_backup", Execute),
        ("update_team_member", Execute),
        ("update_role", Execute),
        ("update_webhook", Execute),
        ("update_event", Execute),
        ("edit_workflow", Execute),
        ("update_subscription", Financial),
        ("create_addon", Financial),
        ("create_phone_number", Financial),
        ("update_phone_number", Write),
        ("write_contract", Financial),
        ("update_user_subscription", Write),
        ("create_topic_subscription", Write),
        ("update_contract", Write),
        ("move_event_log", Write),
        ("create_release_note", Write),
        ("add_member_note", Write),
        ("add_note_to_release", Write),
        ("create_api_key", Execute),
        ("start_recording", Write),
        ("start_job", Execute),
        ("clear_cache", Write),
        ("clear_table", Class::Destructive),
        ("mail_get_orders", Class::Read),
        ("mail_list_folders", Class::Read),
        ("export_get_items", Class::Read),
        ("message_create", Execute),
        ("payment_update", Financial),
        ("format_cells", Write),
        ("format_disk", Class::Destructive),
        ("merge_cells", Write),
        ("merge_branch", Execute),
        ("transfer_issue", Write),
        ("transfer_money", Financial),
        ("browser_upload_file", Execute),
        ("browser_resize", Write),
        ("kubectl_create", Execute),
        ("verify_domain", Execute),
        ("resize_vm", Execute),
        ("get_subscription", Class::Read),
        ("update_service", Execute),
        ("service_update", Execute),
        ("update_service_label", Write),
        ("write_pty", Execute),
        ("execute_promql_query", Class::Read),
        ("move_by_domain", Write),
        ("update_domain", Execute),
        ("trash_get_items", Class::Read),
        ("trash_item", Class::Destructive),
        ("adjust_stock", Write),
        ("clear_defaults", Write),
    ] {
        assert_name(name, class, Confidence::High);
    }
    let signed = json!({"name": "register_agent", "inputSchema": {"properties": {"privateKey": {}}}});
    assert_class(signed, Execute, Confidence::Medium);
}
