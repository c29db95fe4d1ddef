//! The rules of texts and lists, added to the schemas of the OpenAPI document.
//!
//! The protocol's types carry no annotations for them, because each rule is a function there (`fil_protocol::text`),
//! and a second copy in an attribute would drift. Here the document takes the figures from `fil_protocol::limits`. JSON
//! Schema counts characters where the limits count bytes; the descriptions say so.

use fil_protocol::limits::{
    DEVICE_NAME_BYTES_MAX, MEMBERS_MAX, PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN, TEXT_BYTES_MAX, TITLE_BYTES_MAX,
};
use serde_json::{Value, json};
use utoipa::openapi::{OpenApi, RefOr, Schema};

/// No NUL, and something to see.
const TEXT: &str = r"^[^\u0000]*[^\s\u0000][^\u0000]*$";
/// The same on one line: no control character, no separator of lines, nothing that turns the writing direction.
const LINE: &str = concat!(
    r"^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*",
    r"[^\s\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]",
    r"[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*$",
);

/// Adds the rules. The schemas come with the routes, so this is done when all routes are there.
pub(super) fn add(document: &mut OpenApi) {
    let name = json!({ "minLength": 1, "maxLength": DEVICE_NAME_BYTES_MAX, "pattern": LINE });
    let password = json!({ "minLength": PASSWORD_CHARS_MIN, "maxLength": PASSWORD_BYTES_MAX });
    let text = json!({ "minLength": 1, "maxLength": TEXT_BYTES_MAX, "pattern": TEXT });
    constrain(document, "SignIn", "device_name", &name);
    constrain(document, "AcceptInvite", "device_name", &name);
    constrain(document, "AcceptInvite", "password", &password);
    constrain(document, "NewMessage", "text", &text);
    replace(document, "NewConversation", &new_conversation());
}

/// One of two shapes: what a direct conversation takes, a group does not, and the other way round.
fn new_conversation() -> Value {
    let members = |least: usize, most: usize| {
        let account = json!({ "$ref": "#/components/schemas/AccountId" });
        json!({ "type": "array", "items": account, "minItems": least, "maxItems": most, "description": "The other members." })
    };
    let shape = |kind: &str, members: Value, title: Value| {
        json!({
            "type": "object",
            "title": kind,
            "required": ["kind", "members"],
            "properties": { "kind": { "type": "string", "enum": [kind] }, "members": members, "title": title },
            "additionalProperties": false,
        })
    };
    let title = json!({
        "type": ["string", "null"],
        "description": format!("At most {TITLE_BYTES_MAX} bytes of UTF-8, on one line."),
        "minLength": 1,
        "maxLength": TITLE_BYTES_MAX,
        "pattern": LINE,
    });
    json!({
        "description": "`POST /api/v1/conversations`: begin a conversation.",
        "oneOf": [
            shape("direct", members(1, 1), json!({ "type": "null" })),
            shape("group", members(0, MEMBERS_MAX - 1), title),
        ],
    })
}

/// Adds rules to a property of a schema.
fn constrain(document: &mut OpenApi, schema: &str, property: &str, rules: &Value) {
    let Some(found) = document.components.as_ref().and_then(|components| components.schemas.get(schema)) else {
        return;
    };
    let Ok(mut value) = serde_json::to_value(found) else { return };
    if let (Some(Value::Object(target)), Value::Object(rules)) = (value["properties"].get_mut(property), rules) {
        target.extend(rules.clone());
    }
    replace(document, schema, &value);
}

fn replace(document: &mut OpenApi, schema: &str, value: &Value) {
    let parsed: Result<RefOr<Schema>, _> = serde_json::from_value(value.clone());
    if let (Ok(parsed), Some(components)) = (parsed, document.components.as_mut()) {
        components.schemas.insert(schema.to_owned(), parsed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_reached_the_document() {
        let document = serde_json::to_value(crate::http::document()).unwrap();
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["SignIn"]["properties"]["device_name"]["pattern"], LINE);
        assert_eq!(schemas["AcceptInvite"]["properties"]["password"]["minLength"], PASSWORD_CHARS_MIN);
        assert_eq!(schemas["AcceptInvite"]["properties"]["device_name"]["maxLength"], DEVICE_NAME_BYTES_MAX);
        assert_eq!(schemas["NewMessage"]["properties"]["text"]["pattern"], TEXT);
        assert_eq!(schemas["NewConversation"]["oneOf"][0]["properties"]["members"]["maxItems"], 1);
        assert_eq!(schemas["NewConversation"]["oneOf"][1]["properties"]["title"]["maxLength"], TITLE_BYTES_MAX);
    }
}
