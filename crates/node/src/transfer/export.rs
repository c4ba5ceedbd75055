//! Export of shops: streams them from the database into a file.

use std::io::Write;

use anyhow::anyhow;
use futures::StreamExt;
use pulse_contract::shop::v1::{ExportShopsRequest, ShopClient, ShopState};
use pulse_exchange::{Format, ShopWriter};
use pulse_kernel::{Clock, Cx};

use super::category_tree::{CategoryTree, PATH_TAG};
use super::record::record;

/// Writes every shop that is or was open, in the order of their ids, without applications that were not approved. Returns
/// the number of shops. Shops name their category also by the names on the way to it, so that an import can create it. With
/// `is_spreadsheet_safe`, texts of a CSV file are no formulas.
///
/// # Errors
/// When the database is not available, or the stream cannot be written.
pub async fn export<W: Write>(
    shops: &ShopClient,
    clock: &Clock,
    out: W,
    format: Format,
    is_spreadsheet_safe: bool,
) -> anyhow::Result<u64> {
    let cx = Cx::system("export", clock.now());
    let paths = CategoryTree::new(shops.clone()).paths(&cx).await?;
    let mut stream =
        shops.export_shops(&cx, ExportShopsRequest::default()).await.map_err(|error| anyhow!(error.report()))?;
    let mut writer = ShopWriter::new(out, format)?.spreadsheet_safe(is_spreadsheet_safe);
    let mut count = 0;
    while let Some(shop) = stream.next().await {
        let shop = shop.map_err(|error| anyhow!(error.report()))?;
        if matches!(shop.state(), ShopState::Active | ShopState::Closed) {
            let path = paths.get(&shop.category_code).map(serde_json::to_string).transpose()?;
            let mut record = record(shop);
            record.tags.extend(path.map(|path| (PATH_TAG.to_owned(), path)));
            writer.write(&record)?;
            count += 1;
        }
    }
    writer.finish()?;
    Ok(count)
}
