//! The routes as a table, which `routes.rs` compares with the OpenAPI document of the server.

use reqwest::Method;

use crate::stage::Stage;

/// A route.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    /// Who may ask.
    pub(crate) open: bool,
    /// Its parameters, of path and query, in alphabetical order.
    pub(crate) parameters: &'static [&'static str],
    /// A body that it takes; the ids in it are Ada's own.
    pub(crate) body: Option<&'static str>,
    /// Where it takes an id.
    pub(crate) ids: &'static [Id],
}

/// Where a route takes an id.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Id {
    ConversationInPath,
    DeviceInPath,
    ConversationInQuery,
    DirectMemberInBody,
    GroupMemberInBody,
}

impl Id {
    /// Where it stands, as the document has it: in which part of the request, and under which names.
    pub(crate) fn place(self) -> &'static str {
        match self {
            Self::ConversationInPath => "path/conversation",
            Self::DeviceInPath => "path/device",
            Self::ConversationInQuery => "query/conversation",
            Self::DirectMemberInBody => "body/direct/members/*",
            Self::GroupMemberInBody => "body/group/members/*",
        }
    }
}

const fn route(method: &'static str, path: &'static str, parameters: &'static [&'static str]) -> Route {
    Route { method, path, open: false, parameters, body: None, ids: &[] }
}

/// Every route that the document has.
pub(crate) const ROUTES: &[Route] = &[
    Route { open: true, ..route("GET", "/healthz", &[]) },
    Route { open: true, ..route("GET", "/readyz", &[]) },
    Route { open: true, ..route("GET", "/api/v1/server", &[]) },
    Route {
        open: true,
        body: Some(r#"{"organisation":"demo","handle":"ada","password":"canary-secret","device_name":"x"}"#),
        ..route("POST", "/api/v1/sessions", &[])
    },
    Route {
        open: true,
        body: Some(r#"{"refresh_token":"canary-secret"}"#),
        ..route("POST", "/api/v1/sessions/refresh", &[])
    },
    route("DELETE", "/api/v1/sessions/current", &[]),
    Route {
        open: true,
        body: Some(r#"{"invite":"canary-secret","password":"canary-secret","device_name":"x"}"#),
        ..route("POST", "/api/v1/invites/accept", &[])
    },
    route("GET", "/api/v1/me", &[]),
    route("GET", "/api/v1/accounts", &["limit", "query"]),
    route("GET", "/api/v1/devices", &[]),
    Route { ids: &[Id::DeviceInPath], ..route("DELETE", "/api/v1/devices/{device}", &["device"]) },
    route("GET", "/api/v1/conversations", &[]),
    Route {
        body: Some(r#"{"kind":"group","title":"x","members":[]}"#),
        ids: &[Id::DirectMemberInBody, Id::GroupMemberInBody],
        ..route("POST", "/api/v1/conversations", &[])
    },
    Route {
        ids: &[Id::ConversationInPath],
        ..route("GET", "/api/v1/conversations/{conversation}/members", &["conversation"])
    },
    Route {
        ids: &[Id::ConversationInPath],
        ..route("GET", "/api/v1/conversations/{conversation}/messages", &["before", "conversation", "limit"])
    },
    Route {
        body: Some(r#"{"text":"canary"}"#),
        ids: &[Id::ConversationInPath],
        ..route("POST", "/api/v1/conversations/{conversation}/messages", &["conversation"])
    },
    Route {
        ids: &[Id::ConversationInQuery],
        ..route("GET", "/api/v1/search", &["before", "conversation", "limit", "query"])
    },
];

impl Route {
    /// The path with Ada's own ids in it.
    pub(crate) fn address(&self, stage: &Stage) -> String {
        self.path.replace("{conversation}", &stage.group.to_string()).replace("{device}", &stage.ada.device.to_string())
    }

    pub(crate) fn method(&self) -> Method {
        self.method.parse().unwrap()
    }
}
