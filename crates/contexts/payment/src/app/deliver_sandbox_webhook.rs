//! Delivers a webhook of the sandbox. The timer repeats this until the webhook is accepted.

use pulse_contract::payment::v1::ReceiveWebhookRequest;
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, DueTimer};

use super::{App, receive_webhook};
use crate::providers::sandbox::{self, Sandbox};
use crate::timers::done_once;

/// The sandbox and the context that receives its webhooks.
#[derive(Clone)]
pub(crate) struct SandboxDelivery {
    pub(crate) app: App,
    pub(crate) sandbox: Sandbox,
}

pub(crate) async fn deliver_sandbox_webhook(delivery: &SandboxDelivery, due: &DueTimer) -> Result<(), Error> {
    let SandboxDelivery { app, sandbox } = delivery;
    let cx = Cx::system("payment.sandbox", app.store().clock().now());
    let request = ReceiveWebhookRequest {
        provider: sandbox::NAME.to_owned(),
        headers: vec![sandbox.signature(&due.payload, cx.now)],
        payload: due.payload.clone(),
    };
    receive_webhook(app, &cx, request).await?;
    done_once(app.store().commit(&cx, Commit::new().fired(due)).await)
}
