//! Streams all shops ordered by ID. Only one batch is in memory at a time.

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use pulse_contract::shop::v1::{ExportShopsRequest, Shop};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};

use super::{App, view};
use crate::store::shops;

/// Number of shops that are read at once.
const BATCH: i64 = 500;

pub(crate) async fn export_shops(
    app: &App,
    cx: &Cx,
    request: ExportShopsRequest,
) -> Result<BoxStream<'static, Result<Shop, Error>>, Error> {
    let (app, now, state) = (app.clone(), cx.now, request.state());
    let batches = stream::try_unfold(ShopId::new(request.after_shop_id), move |after| {
        let app = app.clone();
        async move {
            let rows = shops::in_state(&app.deps.store, state, after, BATCH).await?;
            let Some(last) = rows.last() else { return Ok(None) };
            let next = last.id;
            let batch: Vec<Result<Shop, Error>> =
                rows.into_iter().map(|row| Ok(view::shop(&view::known(&app, row), now))).collect();
            Ok(Some((batch, next)))
        }
    });
    Ok(batches.flat_map(|batch| stream::iter(batch.unwrap_or_else(|error| vec![Err(error)]))).boxed())
}
