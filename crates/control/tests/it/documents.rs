//! The OpenAPI document and the health reports.

use serde_json::Value;

use crate::world::World;

const GOLDEN: &str = include_str!("../golden/openapi.json");

#[test]
fn the_golden_document_is_current() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let now = serde_json::to_value(coditect_control::openapi()).unwrap();
    assert!(golden == now, "the API has changed: run `cargo xtask generate` and look at the difference");
}

#[test]
fn every_reference_in_it_resolves_and_operations_are_unique() {
    let document = serde_json::to_value(coditect_control::openapi()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 50);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let mut ids = std::collections::BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()));
            assert!(!operation["summary"].as_str().unwrap().is_empty());
        }
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if key == "$ref" => references.push(text.clone()),
                    _ => collect(value, references),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

#[tokio::test]
async fn it_is_served_and_health_tells_the_truth() {
    let world = World::new().await;
    let served = world.get("/api/v5/openapi.json", "").await.expect(200);
    assert_eq!(served.body, serde_json::to_value(coditect_control::openapi()).unwrap());
    assert_eq!(world.get("/health", "").await.expect(200).body["status"], "ok");
    let store = world.get("/health/store", "").await.expect(200);
    assert_eq!(store.body["backend"], "memory");
    world.store.clone().close().await;
    world.get("/health", "").await.expect(200);
    assert!(world.get("/health/store", "").await.status.is_server_error());
    let ready = world.get("/health/ready", "").await.expect(503);
    assert_eq!(ready.body["parts"]["store"], false);
}
