//! Halts sales of an item that a kitchen has marked as out (86), and resumes them when it is back.

use pulse_contract::kitchen::v1::ItemOutChanged;
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};

use super::App;
use crate::domain::command::Verb;
use crate::domain::resource::{Kind, ResourceRef};

pub(crate) async fn halt_stock(app: &App, cx: &Cx, event: &ItemOutChanged) -> Result<(), Error> {
    let verb = Verb::Halt {
        shop: ShopId::new(event.shop_id),
        resource: ResourceRef { id: event.variant_id, kind: Kind::Sku },
        is_out: event.is_out,
        out_version: event.version,
    };
    app.batcher.execute(cx, verb).await.map(|_reply| ())
}
