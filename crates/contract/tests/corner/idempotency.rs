//! Idempotency: one key, one answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use prost::Message;
use pulse_contract::idempotency::Call;
use pulse_contract::{Begin, IdempotencyStore, InFlightGuard, RestReply, RestRequest, errors};
use pulse_kernel::{Cx, Error, Idempotency};
use serde_json::Value;

use crate::corner::v1::{
    CornerApi, CornerClient, CornerService, EchoRequest, SaveRequest, SaveResponse, corner_methods, corner_routes,
};
use crate::{Corner, anonymous, staff};

/// What the store does, in memory. The test saves answers itself, as a commit would.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<BTreeMap<(String, String), Entry>>>);

enum Entry {
    InFlight,
    Done([u8; 32], Bytes),
}

#[async_trait]
impl IdempotencyStore for Kept {
    async fn begin(&self, cx: &Cx) -> Result<Begin, Error> {
        let idempotency = cx.idempotency.clone().unwrap();
        let at = (idempotency.scope.clone(), idempotency.key.clone());
        match self.0.lock().get(&at) {
            Some(Entry::InFlight) => return Err(errors::IDEMPOTENCY_IN_FLIGHT.error("it is under way")),
            Some(Entry::Done(fingerprint, answer)) if *fingerprint == idempotency.fingerprint => {
                return Ok(Begin::Replay(answer.clone()));
            }
            Some(Entry::Done(..)) => return Err(errors::IDEMPOTENCY_KEY_REUSED.error("another request has it")),
            None => {}
        }
        self.0.lock().insert(at.clone(), Entry::InFlight);
        let kept = self.clone();
        Ok(Begin::Proceed(InFlightGuard::new(move || {
            let mut entries = kept.0.lock();
            if matches!(entries.get(&at), Some(Entry::InFlight)) {
                entries.remove(&at);
            }
        })))
    }
}

impl Kept {
    fn keep(&self, cx: &Cx, answer: &SaveResponse) {
        let idempotency = cx.idempotency.clone().unwrap();
        let entry = Entry::Done(idempotency.fingerprint, answer.encode_to_vec().into());
        self.0.lock().insert((idempotency.scope.clone(), idempotency.key.clone()), entry);
    }
}

/// A context with a key as the edge makes it.
pub(crate) fn with_key(cx: Cx, key: &str) -> Cx {
    let idempotency = Idempotency { scope: String::new(), key: key.to_owned(), fingerprint: [0; 32] };
    Cx { idempotency: Some(Arc::new(idempotency)), ..cx }
}

async fn save(corner: &Arc<Corner>, kept: &Kept, cx: Cx, text: &str) -> Result<i64, Error> {
    let service = CornerService::new(corner.clone(), Arc::new(kept.clone()));
    let routes = corner_routes(&CornerClient::local(Arc::new(service)));
    let route = routes.iter().find(|route| route.spec.name == "Save").unwrap();
    let body = format!("{{\"text\":{text:?}}}");
    let reply = (route.handler)(cx, RestRequest { path: &[], query: "", body: body.as_bytes() }).await?;
    let RestReply::Json(json) = reply else { panic!("not a stream") };
    let answer: Value = serde_json::from_slice(&json).unwrap();
    let saves = answer["saves"].as_str().unwrap().parse().unwrap();
    // The commit of the use case would have done this.
    if let Some(cx) = corner.seen.lock().take().filter(|cx| cx.idempotency.is_some()) {
        kept.keep(&cx, &SaveResponse { saves, text: text.to_owned() });
    }
    Ok(saves)
}

#[tokio::test]
async fn a_repetition_gets_the_first_answer_and_another_request_is_refused() {
    let (corner, kept) = (Arc::new(Corner::default()), Kept::default());
    assert_eq!(save(&corner, &kept, with_key(staff(), "k"), "a").await.unwrap(), 1);
    assert_eq!(save(&corner, &kept, with_key(staff(), "k"), "a").await.unwrap(), 1);
    let reused = save(&corner, &kept, with_key(staff(), "k"), "b").await.unwrap_err();
    assert_eq!((reused.code(), reused.spec().http), ("IDEMPOTENCY_KEY_REUSED", 422));
    assert_eq!(save(&corner, &kept, with_key(staff(), "k2"), "a").await.unwrap(), 2);
    assert_eq!(
        save(&corner, &kept, with_key(anonymous(), "k"), "a").await.unwrap(),
        1,
        "what anybody may call knows a key whoever uses it: a token may have expired in between"
    );
    assert_eq!(save(&corner, &kept, staff(), "a").await.unwrap(), 3, "without a key nothing is saved");
}

#[tokio::test]
async fn a_key_is_free_again_after_a_failure_and_taken_while_in_flight() {
    let (corner, kept) = (Arc::new(Corner::default()), Kept::default());
    let failed = save(&corner, &kept, with_key(staff(), "k"), "too late").await.unwrap_err();
    assert_eq!(failed.code(), "DEADLINE_EXCEEDED");
    assert_eq!(save(&corner, &kept, with_key(staff(), "k"), "a").await.unwrap(), 1);

    let cx = Call { spec: &corner_methods::SAVE }.bind(with_key(staff(), "busy"), &SaveRequest::default());
    let begun = kept.begin(&cx).await.unwrap();
    let service = CornerService::new(corner.clone(), Arc::new(kept.clone()));
    let refused = service.save(&cx, SaveRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), "IDEMPOTENCY_IN_FLIGHT");
    drop(begun);
    assert!(service.save(&cx, SaveRequest::default()).await.is_ok());
}

/// Two nodes got the same request: the slower one is refused by what the faster one did, and tells its answer.
#[tokio::test]
async fn a_failure_after_another_node_answered_is_its_answer() {
    let kept = Kept::default();
    let call = Call { spec: &corner_methods::SAVE };
    let cx = call.bind(with_key(staff(), "k"), &SaveRequest::default());
    let answered = call
        .execute_once::<SaveResponse, _>(&kept, &cx, |cx| {
            kept.keep(&cx, &SaveResponse { saves: 7, text: String::new() });
            async { Err(errors::STORE_CONTENDED.error("somebody was faster")) }
        })
        .await;
    assert_eq!(answered.unwrap().saves, 7);
}

#[tokio::test]
async fn a_key_for_one_rpc_does_not_reach_the_rpcs_below_it() {
    let (corner, kept) = (Arc::new(Corner::default()), Kept::default());
    let service = CornerService::new(corner.clone(), Arc::new(kept.clone()));
    let other = pulse_contract::MethodSpec {
        service: "s",
        name: "Other",
        path: "/s/Other",
        policy: pulse_contract::Policy {
            callers: &[],
            rates: &[],
            idempotent: true,
            cancels_on_disconnect: false,
            deadline_ms: 1,
        },
    };
    let cx = Call { spec: Box::leak(Box::new(other)) }.bind(with_key(staff(), "k"), &SaveRequest::default());
    for text in ["a", "b"] {
        service.save(&cx, SaveRequest { text: text.to_owned() }).await.unwrap();
        assert!(corner.seen.lock().take().unwrap().idempotency.is_none());
    }
}

#[test]
fn an_rpc_that_saves_no_answer_drops_the_key() {
    let cx = Call { spec: &corner_methods::ECHO }.bind(with_key(staff(), "k"), &EchoRequest::default());
    assert!(cx.idempotency.is_none());
}
