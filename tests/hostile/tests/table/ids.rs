//! Where ids stand, found by how they are written: in a value, and in a schema of the OpenAPI document.
//!
//! No name of a field is known here. Whoever gives a command, a frame or a route a further id finds a test that fails
//! until the id has its cases.

use std::collections::BTreeSet;

use fil_protocol::AccountId;
use serde_json::{Value, json};

/// Schemas inside each other: one that contains itself ends here.
const DEPTH_MAX: usize = 16;

/// Every id in a value, each as its JSON pointer (RFC 6901) and its text. Of a key that is one the pointer names the entry.
pub(crate) fn ids(value: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk(value, "", &mut |pointer, value| {
        let key = pointer.rsplit('/').next().unwrap_or_default();
        let text = if is_id(key) { Some(key) } else { value.as_str().filter(|text| is_id(text)) };
        found.extend(text.map(|text| (pointer.to_owned(), text.to_owned())));
    });
    found
}

/// Places of a value in which an id may stand that is not there: nulls and empty lists.
pub(crate) fn blanks(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(value, "", &mut |pointer, value| {
        if value.is_null() || value.as_array().is_some_and(Vec::is_empty) {
            found.push(pointer.to_owned());
        }
    });
    found
}

fn walk(value: &Value, pointer: &str, visit: &mut impl FnMut(&str, &Value)) {
    visit(pointer, value);
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| walk(value, &format!("{pointer}/{key}"), visit)),
        Value::Array(values) => {
            let numbered = values.iter().enumerate();
            numbered.for_each(|(index, value)| walk(value, &format!("{pointer}/{index}"), visit));
        }
        _ => {}
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 36 && text.parse::<AccountId>().is_ok()
}

/// A pointer with a star for each place in a list: `/members/*`.
pub(crate) fn anywhere(pointer: &str) -> String {
    let part = |part: &str| if part.parse::<usize>().is_ok() { "*".to_owned() } else { part.to_owned() };
    pointer.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Every place below this one at which a schema of the document takes an id; one of several shapes stands with its title.
pub(crate) fn ids_of_schema(document: &Value, schema: &Value, place: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    descend(document, schema, place, DEPTH_MAX, &mut found);
    found
}

fn descend(document: &Value, schema: &Value, place: &str, depth: usize, found: &mut BTreeSet<String>) {
    if depth == 0 {
        return;
    }
    let mut below = |schema: &Value, place: String| descend(document, schema, &place, depth - 1, found);
    if let Some(name) = schema["$ref"].as_str() {
        let pointer = name.strip_prefix('#').expect("the document refers to itself alone");
        below(document.pointer(pointer).expect("what is referred to is there"), place.to_owned());
    }
    for shape in ["oneOf", "anyOf", "allOf"].iter().flat_map(|key| schema[*key].as_array().into_iter().flatten()) {
        below(shape, shape["title"].as_str().map_or_else(|| place.to_owned(), |title| format!("{place}/{title}")));
    }
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        below(schema, format!("{place}/{key}"));
    }
    let alike = ["items", "additionalProperties", "propertyNames"].iter().filter_map(|key| schema.get(key));
    for schema in alike.chain(schema["prefixItems"].as_array().into_iter().flatten()) {
        below(schema, format!("{place}/*"));
    }
    if schema["format"] == "uuid" {
        found.insert(place.to_owned());
    }
}

/// The finder itself: in lists, in what is optional, as keys, behind references, in one of several shapes.
#[test]
fn an_id_is_found_wherever_it_stands() {
    let id = "018bcfe5-6800-7000-8000-0c0c0c0c0c0c";
    let value = json!({ "a": id, "b": { "c": ["text", id] }, "d": { id: 1 }, "e": null, "f": [], "g": &id[1..] });
    let pointers: Vec<String> = ids(&value).into_iter().map(|(pointer, _)| anywhere(&pointer)).collect();
    assert_eq!(pointers, ["/a", "/b/c/*", &format!("/d/{id}")]);
    assert_eq!(blanks(&value), ["/e", "/f"]);
    let document = json!({ "schemas": { "Id": { "type": "string", "format": "uuid" } } });
    let reference = json!({ "$ref": "#/schemas/Id" });
    let schema = json!({ "properties": {
        "plain": reference,
        "optional": { "oneOf": [{ "type": "null" }, reference] },
        "list": { "items": { "allOf": [reference] } },
        "map": { "additionalProperties": false, "propertyNames": reference },
        "shapes": { "anyOf": [{ "title": "one", "properties": { "id": reference } }, { "format": "date-time" }] },
    } });
    let places = ["body/list/*", "body/map/*", "body/optional", "body/plain", "body/shapes/one/id"];
    assert_eq!(ids_of_schema(&document, &schema, "body"), places.map(str::to_owned).into());
}
