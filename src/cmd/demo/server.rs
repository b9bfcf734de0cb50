//! The stand-in server of the demo: a dozen of Iterable's tools, which say what they would have done and do nothing.

use std::future::Future;
use std::io::Write;
use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler, ServiceExt};
use serde_json::{Map, Value, json};

/// What the server prints on stderr before the name of each tool that it runs: the demo's proof of what reached it.
pub(super) const RAN: &str = "demo server ran ";

/// The tools: name, description, the one argument.
const TOOLS: [(&str, &str, &str); 12] = [
    ("get_lists", "List the audiences of this project.", "cursor"),
    ("get_campaigns", "List the campaigns with their state.", "cursor"),
    ("get_campaign_metrics", "Count sends, opens and clicks of a campaign.", "campaignId"),
    ("get_user_by_email", "Look up one customer's profile.", "email"),
    ("create_list", "Create an empty audience.", "name"),
    ("update_email_template", "Overwrite the content of an e-mail template.", "templateId"),
    ("start_export_job", "Export profiles or events in bulk.", "dataTypeName"),
    ("send_campaign", "Send a campaign to its whole audience, now.", "campaignId"),
    ("send_email", "Send an e-mail to one customer.", "campaignId"),
    ("cancel_export_job", "Stop a running export for good.", "jobId"),
    ("delete_list", "Delete an audience with all its members.", "listId"),
    ("delete_user_by_email", "Erase a customer with their history.", "email"),
];

/// Serves on stdin and stdout until the client leaves.
///
/// # Errors
/// When the session cannot be opened.
pub(super) async fn serve() -> anyhow::Result<()> {
    Server.serve(rmcp::transport::stdio()).await?.waiting().await?;
    Ok(())
}

struct Server;

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<ListToolsResult, ErrorData>> + Send + '_ {
        let tools = TOOLS.iter().map(|(name, description, argument)| Tool::new(*name, *description, schema(argument)));
        std::future::ready(Ok(ListToolsResult::with_all_items(tools.collect())))
    }

    fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<CallToolResponse, ErrorData>> + Send + '_ {
        let name = request.name;
        let answer = if TOOLS.iter().any(|(tool, ..)| *tool == name) {
            // A broken stderr leaves the demo without its proof, which it notices by itself.
            let _ = writeln!(std::io::stderr(), "{RAN}{name}");
            let text = format!("{name} was run by the stand-in server.");
            Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
        } else {
            Err(ErrorData::invalid_params(format!("unknown tool {name}"), None))
        };
        std::future::ready(answer)
    }
}

fn schema(argument: &str) -> Arc<Map<String, Value>> {
    let schema = json!({"type": "object", "properties": {argument: {"type": ["string", "integer"]}}});
    Arc::new(schema.as_object().cloned().unwrap_or_default())
}
