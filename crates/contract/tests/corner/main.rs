//! The generated code at work, on the contract that uses every corner of the grammar and on the real one.

#![cfg(test)]

mod catalogue;
mod clients;
mod idempotency;
mod json;
mod random;
mod rest;
mod rules;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use pulse_contract::page::{self, Page};
use pulse_contract::{Json, errors};
use pulse_kernel::id::{AccountId, ShopId};
use pulse_kernel::{Actor, Cx, Error, Principal, Role, Timestamp};

include!(concat!(env!("OUT_DIR"), "/corner.rs"));
include!(concat!(env!("OUT_DIR"), "/corner.messages.rs"));

/// The messages of the real contract.
pub mod real {
    use pulse_contract::*;

    include!(concat!(env!("OUT_DIR"), "/contract.messages.rs"));
}

use corner::v1::{
    CornerApi, CountRequest, CountResponse, EchoRequest, EchoResponse, FailRequest, FailResponse, ListNumbersRequest,
    ListNumbersResponse, Rules, RulesResponse, SaveRequest, SaveResponse,
};

/// The instant that all tests happen at.
const NOW: Timestamp = Timestamp::from_millis(1_777_624_200_123);

/// A context without anybody in it.
fn anonymous() -> Cx {
    Cx::system("test", NOW).with_actor(Actor::Anonymous)
}

/// A context of an account that works for shop 7.
fn staff() -> Cx {
    let roles = vec![Role::Consumer, Role::MerchantStaff];
    let shops = vec![ShopId::new(7)];
    anonymous().with_actor(Actor::Principal(Arc::new(Principal {
        account: AccountId::new(1),
        session: 2,
        roles,
        shops,
    })))
}

/// Does what the contract says, and remembers how often it saved.
#[derive(Default)]
struct Corner {
    saves: AtomicI64,
    /// What it was last called with.
    seen: parking_lot::Mutex<Option<Cx>>,
}

#[async_trait]
impl CornerApi for Corner {
    async fn echo(&self, cx: &Cx, request: EchoRequest) -> Result<EchoResponse, Error> {
        *self.seen.lock() = Some(cx.clone());
        let EchoRequest { shop, item_id, name, path, all } = request;
        Ok(EchoResponse { shop, item_id, name, path, all })
    }

    async fn count(
        &self,
        _cx: &Cx,
        request: CountRequest,
    ) -> Result<BoxStream<'static, Result<CountResponse, Error>>, Error> {
        if request.fails_at < 0 {
            return Err(corner::v1::errors::CORNER_DARK.error("it fails before it begins"));
        }
        let numbers = (1..=request.to).map(move |number| match number == request.fails_at {
            true => Err(corner::v1::errors::CORNER_TAKEN.error("somebody is there")),
            false => Ok(CountResponse { number }),
        });
        Ok(futures::stream::iter(numbers).boxed())
    }

    async fn save(&self, cx: &Cx, request: SaveRequest) -> Result<SaveResponse, Error> {
        *self.seen.lock() = Some(cx.clone());
        if request.text == "too late" {
            return Err(errors::DEADLINE_EXCEEDED.error("it took too long"));
        }
        Ok(SaveResponse { saves: self.saves.fetch_add(1, Ordering::Relaxed) + 1, text: request.text })
    }

    async fn r#match(&self, _cx: &Cx, _request: Rules) -> Result<RulesResponse, Error> {
        Ok(RulesResponse {})
    }

    async fn list_numbers(&self, _cx: &Cx, request: ListNumbersRequest) -> Result<ListNumbersResponse, Error> {
        let page = Page::new(request.page_size, &request.page_token)?;
        let after = page.after::<1>()?.map_or(0, |[after]| after);
        let (numbers, next_page_token) =
            page.cut((after + 1..).take(page.size() + 1).collect(), |number| page::token(&[*number]));
        Ok(ListNumbersResponse { numbers, next_page_token })
    }

    async fn list_others(&self, cx: &Cx, request: ListNumbersRequest) -> Result<ListNumbersResponse, Error> {
        self.list_numbers(cx, request).await
    }

    async fn fail(&self, _cx: &Cx, request: FailRequest) -> Result<FailResponse, Error> {
        Err(match request.code.as_str() {
            "CORNER_TAKEN" => corner::v1::errors::CORNER_TAKEN.error("somebody is there").with("by", "somebody"),
            "VALIDATION_FAILED" => FailRequest::from_json(b"{\"code\":1}").unwrap_err(),
            "RATE_LIMITED" => errors::RATE_LIMITED
                .error("10 of 10 calls were used")
                .with("limit", 10)
                .with("left", 0)
                .retry_in(std::time::Duration::from_millis(1_500)),
            code => {
                let spec = pulse_contract::ERRORS.iter().find(|spec| spec.code == code).unwrap();
                spec.error(format!("this is {code}"))
            }
        })
    }
}
