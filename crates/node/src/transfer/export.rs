//! Export of shops: streams them from the database into a file.

use std::io::Write;

use anyhow::anyhow;
use futures::StreamExt;
use pulse_contract::shop::v1::{ExportShopsRequest, ShopClient, ShopState};
use pulse_exchange::{Format, ShopWriter};
use pulse_kernel::{Clock, Cx};

use super::record::record;

/// Writes every shop that is or was open, in the order of their ids, without applications that were not approved. Returns
/// the number of shops.
///
/// # Errors
/// When the database is not available, or the stream cannot be written.
pub async fn export<W: Write>(shops: &ShopClient, clock: &Clock, out: W, format: Format) -> anyhow::Result<u64> {
    let cx = Cx::system("export", clock.now());
    let mut stream =
        shops.export_shops(&cx, ExportShopsRequest::default()).await.map_err(|error| anyhow!(error.report()))?;
    let mut writer = ShopWriter::new(out, format)?;
    let mut count = 0;
    while let Some(shop) = stream.next().await {
        let shop = shop.map_err(|error| anyhow!(error.report()))?;
        if matches!(shop.state(), ShopState::Active | ShopState::Closed) {
            writer.write(&record(shop))?;
            count += 1;
        }
    }
    writer.finish()?;
    Ok(count)
}
