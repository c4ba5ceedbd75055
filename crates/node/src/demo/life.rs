//! What happens by itself in the demo: people come by, look around, follow each other, eat.

use std::time::Duration;

use pulse_contract::account::v1::{CheckInRequest, FollowRequest, UnfollowRequest};
use pulse_contract::shop::v1::ListNearbyRequest;
use pulse_kernel::Error;

use super::DemoCity;
use super::rush::rushes;

/// The pause between two things that happen.
const PAUSE: Duration = Duration::from_millis(700);

/// How many things kitchens and counters do when it is their turn: as many as an order takes.
const STEPS_OF_KITCHENS: usize = 6;

/// Lives until it is dropped.
pub(crate) async fn live(city: DemoCity) {
    tokio::join!(days(&city), rushes(&city));
}

/// One thing after the other happens.
async fn days(city: &DemoCity) {
    loop {
        let next = city.clock.now().plus(PAUSE);
        if let Err(error) = city.something_happens().await {
            tracing::warn!(error = %error.report(), "something went wrong in the city");
        }
        city.clock.sleep_until(next).await;
    }
}

impl DemoCity {
    async fn something_happens(&self) -> Result<(), Error> {
        let count = u32::try_from(self.people.len()).unwrap_or(u32::MAX).max(1);
        let number = rand::random_range(0..count);
        let (Some(person), Some(other)) = (self.person(number), self.person(rand::random_range(0..count))) else {
            return Ok(());
        };
        let cx = self.cx_of(person);
        match rand::random_range(0..10_u8) {
            0 => {
                let month = self.accounts.check_in(&cx, CheckInRequest {}).await?;
                tracing::info!(account.id = person.get(), streak_days = month.streak_days, "checked in");
            }
            1 if person != other => {
                self.accounts.follow(&cx, FollowRequest { account_id: other.get() }).await?;
                tracing::info!(account.id = person.get(), followee.id = other.get(), "followed");
            }
            2 if person != other => {
                self.accounts.unfollow(&cx, UnfollowRequest { account_id: other.get() }).await?;
                tracing::info!(account.id = person.get(), followee.id = other.get(), "unfollowed");
            }
            3..=5 => self.order_something(person).await?,
            6..=8 => {
                for _ in 0..STEPS_OF_KITCHENS {
                    self.cook_something().await?;
                }
            }
            _ => {
                let home = self.city.person(number).home;
                let request = ListNearbyRequest {
                    latitude: home.latitude(),
                    longitude: home.longitude(),
                    is_open_now: true,
                    ..ListNearbyRequest::default()
                };
                let nearby = self.shops.list_nearby(&cx, request).await?;
                let nearest = nearby.shops.first().map(|shop| shop.name.as_str()).unwrap_or_default();
                tracing::info!(account.id = person.get(), nearest, "looked around");
            }
        }
        Ok(())
    }
}
