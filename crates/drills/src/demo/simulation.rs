//! Simulates the people of the demo city: they check in, search, follow each other, order and collect.

use std::sync::Arc;
use std::time::Duration;

use pulse_contract::account::v1::{CheckInRequest, FollowRequest, UnfollowRequest};
use pulse_contract::shop::v1::ListNearbyRequest;
use pulse_kernel::Error;

use super::DemoCity;
use super::flash_sale::hold_sales;

/// Time between two simulated actions.
const PAUSE: Duration = Duration::from_millis(700);

/// Number of kitchen steps per kitchen action: those that one order takes from acceptance to hand-over.
const KITCHEN_STEPS: usize = 6;

/// Simulates the city until the future is dropped.
pub async fn simulate(city: Arc<DemoCity>) {
    tokio::join!(act(&city), hold_sales(&city));
}

/// Runs one random action after the other.
async fn act(city: &DemoCity) {
    loop {
        let next = city.clock.now().plus(PAUSE);
        if let Err(error) = city.random_action().await {
            tracing::warn!(error = %error.report(), "demo action failed");
        }
        city.clock.sleep_until(next).await;
    }
}

impl DemoCity {
    async fn random_action(&self) -> Result<(), Error> {
        let count = u32::try_from(self.people.len()).unwrap_or(u32::MAX).max(1);
        let number = rand::random_range(0..count);
        let (Some(person), Some(other)) = (self.person(number), self.person(rand::random_range(0..count))) else {
            return Ok(());
        };
        let cx = self.cx_of(person);
        match rand::random_range(0..10_u8) {
            0 => {
                let month = self.accounts.check_in(&cx, CheckInRequest {}).await?;
                tracing::info!(account.id = person.get(), streak_days = month.streak_days, "demo: person checked in");
            }
            1 if person != other => {
                self.accounts.follow(&cx, FollowRequest { account_id: other.get() }).await?;
                tracing::info!(account.id = person.get(), followee.id = other.get(), "demo: person followed another");
            }
            2 if person != other => {
                self.accounts.unfollow(&cx, UnfollowRequest { account_id: other.get() }).await?;
                tracing::info!(account.id = person.get(), followee.id = other.get(), "demo: person unfollowed another");
            }
            3..=5 => self.place_random_order(person).await?,
            6..=8 => {
                for _ in 0..KITCHEN_STEPS {
                    self.kitchen_step().await?;
                }
            }
            _ => {
                let home = self.city.person(number).home;
                let request = ListNearbyRequest {
                    latitude: Some(home.latitude()),
                    longitude: Some(home.longitude()),
                    is_open_now: true,
                    ..ListNearbyRequest::default()
                };
                let nearby = self.shops.list_nearby(&cx, request).await?;
                let nearest = nearby.shops.first().map(|shop| shop.name.as_str()).unwrap_or_default();
                tracing::info!(account.id = person.get(), nearest, "demo: person searched nearby shops");
            }
        }
        Ok(())
    }
}
