//! Streams the position in the waiting room, and issues the ticket when the number is called.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use pulse_contract::sale::v1::{QueuePosition as WireQueuePosition, WatchQueuePositionRequest, errors};
use pulse_kernel::{Cx, Error};

use super::{App, active_sale, caller, take_ticket};
use crate::active_sales::ActiveSale;
use crate::domain::queue::wait_for;
use crate::domain::queue_position::QueuePosition;

/// Maximum interval between two messages, for positions far behind.
const INTERVAL_MAX: Duration = Duration::from_secs(2);
/// Minimum interval between two messages, for the next positions.
const INTERVAL_MIN: Duration = Duration::from_millis(50);

pub(crate) async fn watch_queue_position(
    app: &App,
    cx: &Cx,
    request: WatchQueuePositionRequest,
) -> Result<BoxStream<'static, Result<WireQueuePosition, Error>>, Error> {
    let account = caller(cx)?.get();
    let running = active_sale(app, request.sale_id).await?;
    let position = QueuePosition::read(&running.terms.key, account, &request.queue_token)
        .ok_or_else(|| errors::SALE_PLACE_INVALID.error("queue_token must be issued to this account for this sale"))?;
    let watch = Watch { app: app.clone(), cx: cx.clone(), running, account, position, is_over: false, sent: None };
    Ok(stream::try_unfold(watch, |mut watch| async move {
        let next = watch.next().await?;
        Ok(next.map(|message| (message, watch)))
    })
    .boxed())
}

struct Watch {
    app: App,
    cx: Cx,
    running: Arc<ActiveSale>,
    account: i64,
    position: QueuePosition,
    is_over: bool,
    /// Number of buyers ahead in the last message.
    sent: Option<u64>,
}

impl Watch {
    async fn next(&mut self) -> Result<Option<WireQueuePosition>, Error> {
        if self.is_over {
            return Ok(None);
        }
        if let Some(ahead) = self.sent {
            let clock = self.app.deps.store.clock();
            let pause = wait_for(ahead, self.running.tickets_per_second).clamp(INTERVAL_MIN, INTERVAL_MAX);
            clock.sleep_until(self.cx.now.plus(pause)).await;
            self.cx.now = clock.now();
        }
        // The sale may have been changed or closed meanwhile.
        self.running = active_sale(&self.app, self.running.id).await?;
        take_ticket::check_entry(&self.running, &self.cx, self.account)?;
        let (sale, now, rate) = (self.running.id, self.cx.now, self.running.tickets_per_second);
        let ahead = match self.app.rooms.ahead_of(sale, self.position, now, rate) {
            Some(ahead) => ahead,
            // The node was restarted: the buyer joins the new room.
            None => {
                self.position = self.app.rooms.join(sale, self.position.device, now, rate);
                self.app.rooms.ahead_of(sale, self.position, now, rate).unwrap_or(0)
            }
        };
        self.sent = Some(ahead);
        let mut message = take_ticket::waiting(&self.running, self.account, self.position, ahead);
        if ahead == 0 {
            self.is_over = true;
            let taken = take_ticket::ticket(&self.running, &self.cx, (self.account, self.position.device));
            (message.ticket, message.expires_at) = (taken.ticket, taken.expires_at);
        }
        Ok(Some(message))
    }
}
