//! The real contract as a whole: its codes, its policies, its document.

use std::collections::BTreeSet;

use prost_reflect::DescriptorPool;
use serde_json::Value;

/// DL-05: codes are sorted, unique, short and bilingual.
#[test]
fn the_catalogue_is_sound() {
    assert!(pulse_contract::ERRORS.is_sorted_by(|a, b| a.code < b.code));
    for spec in pulse_contract::ERRORS {
        assert!(spec.code.len() <= 63 && !spec.title.is_empty() && !spec.title_zh.is_empty(), "{spec:?}");
        assert!(spec.domain == "pulse" || spec.domain.ends_with(".pulse"), "{spec:?}");
    }
    assert!(pulse_contract::ERRORS.iter().any(|spec| spec.code == "INTERNAL"));
}

#[test]
fn every_rpc_of_the_descriptors_is_in_the_policy_table() {
    let pool = DescriptorPool::decode(pulse_contract::FILE_DESCRIPTOR_SET).unwrap();
    let described: BTreeSet<String> = pool
        .services()
        .flat_map(|service| {
            service
                .methods()
                .map(|it| format!("/{}/{}", it.parent_service().full_name(), it.name()))
                .collect::<Vec<_>>()
        })
        .collect();
    let specified: BTreeSet<String> = pulse_contract::METHODS.iter().map(|spec| spec.path.to_owned()).collect();
    assert_eq!(described, specified);
    assert!(pulse_contract::METHODS.iter().all(|spec| !spec.policy.callers.is_empty() && spec.policy.deadline_ms > 0));
}

/// RV-18: the document and the routes come from the same definition, so each route is an operation and the other way.
#[test]
fn the_document_and_the_routes_agree() {
    let client = crate::corner::v1::CornerClient::local(std::sync::Arc::new(crate::Corner::default()));
    let mut routes: BTreeSet<String> =
        crate::corner::v1::corner_routes(&client).iter().map(|it| it.verb.to_lowercase()).collect();
    routes.insert("x-purge".to_owned());
    routes.remove("purge");
    let document: Value = serde_json::from_str(crate::OPENAPI).unwrap();
    let operations = |document: &Value| -> Vec<(String, String)> {
        let paths = document["paths"].as_object().unwrap();
        let all = paths
            .iter()
            .flat_map(|(path, verbs)| verbs.as_object().unwrap().keys().map(move |verb| (path.clone(), verb.clone())));
        all.collect()
    };
    // Nine of Corner and one of Plain.
    assert_eq!(operations(&document).len(), crate::corner::v1::corner_routes(&client).len() + 1);
    assert!(operations(&document).iter().all(|(_, verb)| routes.contains(verb)));
    assert!(document["paths"]["/v1/corner/shops/{name_1}/items/{name_2}"]["get"].is_object());

    let document: Value = serde_json::from_str(pulse_contract::OPENAPI).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let ids: BTreeSet<&str> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|verbs| verbs.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), operations(&document).len(), "operation ids are unique");
}

#[test]
fn events_have_the_topic_of_their_name() {
    assert_eq!(<crate::corner::v1::CornerTurned as pulse_contract::Event>::TOPIC, "pulse.corner.v1.CornerTurned");
    assert_eq!(crate::TOPICS, ["pulse.corner.v1.CornerTurned"]);
    assert!(pulse_contract::TOPICS.iter().all(|topic| topic.starts_with("pulse.")));
}
