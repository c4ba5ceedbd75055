//! Streams what becomes of an admission until it has come to an end.

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use pulse_contract::sale::v1::{GetResultRequest, ResultState, SaleResult, WatchResultRequest};
use pulse_kernel::{Cx, Error};

use super::{App, get_result};

/// How long one look waits, in milliseconds.
const WAIT_MS: i32 = 30_000;

pub(crate) async fn watch_result(
    app: &App,
    cx: &Cx,
    request: WatchResultRequest,
) -> Result<BoxStream<'static, Result<SaleResult, Error>>, Error> {
    // Here, so that whoever was not admitted hears it as an answer.
    let first = get_result(app, cx, GetResultRequest { sale_id: request.sale_id, wait_ms: 0 }).await?;
    let (app, cx) = (app.clone(), cx.clone());
    Ok(stream::try_unfold(Some(Next::Tell(first)), move |next| {
        let (app, cx) = (app.clone(), cx.clone());
        async move {
            let result = match next {
                None => return Ok(None),
                Some(Next::Tell(result)) => result,
                Some(Next::Look) => {
                    get_result(&app, &cx, GetResultRequest { sale_id: request.sale_id, wait_ms: WAIT_MS }).await?
                }
            };
            let next = (result.state() == ResultState::Processing).then_some(Next::Look);
            Ok(Some((result, next)))
        }
    })
    .boxed())
}

enum Next {
    Tell(SaleResult),
    Look,
}
