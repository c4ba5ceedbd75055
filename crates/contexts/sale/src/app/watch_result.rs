//! Streams the result of an admission until it is final.

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use pulse_contract::sale::v1::{GetResultRequest, ResultState, SaleResult, WatchResultRequest};
use pulse_kernel::{Cx, Error};

use super::{App, get_result};

/// Maximum wait of one read, in milliseconds.
const WAIT_MS: i32 = 30_000;

pub(crate) async fn watch_result(
    app: &App,
    cx: &Cx,
    request: WatchResultRequest,
) -> Result<BoxStream<'static, Result<SaleResult, Error>>, Error> {
    // Read before the stream starts, so that a missing admission is an error of the call.
    let first = get_result(app, cx, GetResultRequest { sale_id: request.sale_id, wait_ms: 0 }).await?;
    let (app, cx) = (app.clone(), cx.clone());
    Ok(stream::try_unfold(Some(Next::Send(first)), move |next| {
        let (app, cx) = (app.clone(), cx.clone());
        async move {
            let result = match next {
                None => return Ok(None),
                Some(Next::Send(result)) => result,
                Some(Next::Wait) => {
                    get_result(&app, &cx, GetResultRequest { sale_id: request.sale_id, wait_ms: WAIT_MS }).await?
                }
            };
            let next = (result.state() == ResultState::Processing).then_some(Next::Wait);
            Ok(Some((result, next)))
        }
    })
    .boxed())
}

/// Next step of the stream.
enum Next {
    /// Sends a result that is already read.
    Send(SaleResult),
    /// Waits for the next result.
    Wait,
}
