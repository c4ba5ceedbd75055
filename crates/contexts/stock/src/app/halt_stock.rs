//! Stops selling what is out (86), and goes on when it is back.

use pulse_contract::kitchen::v1::ItemOutChanged;
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};

use super::App;
use crate::domain::command::Verb;
use crate::domain::resource::{Kind, ResourceRef};

pub(crate) async fn halt_stock(app: &App, cx: &Cx, news: &ItemOutChanged) -> Result<(), Error> {
    let verb = Verb::Halt {
        shop: ShopId::new(news.shop_id),
        resource: ResourceRef { id: news.variant_id, kind: Kind::Sku },
        is_out: news.is_out,
        out_version: news.version,
    };
    app.batcher.execute(cx, verb).await.map(|_reply| ())
}
