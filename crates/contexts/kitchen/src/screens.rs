//! Who watches which kitchen in this process, so that a change is seen at once.
//!
//! A screen is only told to look again; what has changed, it finds in the rows. So nothing is lost when changes come
//! faster than a screen can show them, or when the word is missed: it also looks by itself now and then.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use pulse_kernel::id::ShopId;
use tokio::sync::watch;

/// The screens of this process, by kitchen.
#[derive(Debug, Default)]
pub struct Screens {
    kitchens: Mutex<HashMap<ShopId, watch::Sender<()>>>,
}

impl Screens {
    /// How many screens there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kitchens.lock().values().map(watch::Sender::receiver_count).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kitchens.lock().is_empty()
    }

    /// A new screen in a kitchen; it is gone when it is dropped.
    pub(crate) fn add(self: &Arc<Self>, shop: ShopId) -> Screen {
        let changed = self.kitchens.lock().entry(shop).or_insert_with(|| watch::Sender::new(())).subscribe();
        Screen { screens: Arc::clone(self), shop, changed }
    }

    /// Tells the screens in a kitchen to look again.
    pub(crate) fn look_again(&self, shop: ShopId) {
        if let Some(kitchen) = self.kitchens.lock().get(&shop) {
            kitchen.send_replace(());
        }
    }
}

/// A screen in a kitchen.
#[derive(Debug)]
pub(crate) struct Screen {
    screens: Arc<Screens>,
    shop: ShopId,
    changed: watch::Receiver<()>,
}

impl Screen {
    /// Waits until something changes after the last [`Screen::look`].
    pub(crate) async fn changed(&mut self) {
        if self.changed.changed().await.is_err() {
            // The sender lives as long as there is a screen; without it, the screen looks by itself only.
            std::future::pending::<()>().await;
        }
    }

    /// From now on, what was told before is old: call it before looking.
    pub(crate) fn look(&mut self) {
        self.changed.mark_unchanged();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut kitchens = self.screens.kitchens.lock();
        // Under the lock: of two that go at the same moment, the second one is the last.
        drop(std::mem::replace(&mut self.changed, watch::channel(()).1));
        if kitchens.get(&self.shop).is_some_and(|kitchen| kitchen.receiver_count() == 0) {
            kitchens.remove(&self.shop);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const HERE: ShopId = ShopId::new(1);
    const THERE: ShopId = ShopId::new(2);

    #[test]
    fn a_screen_hears_of_its_kitchen_alone() {
        let screens = Arc::new(Screens::default());
        let mut screen = screens.add(HERE);
        screens.look_again(THERE);
        assert_eq!(screen.changed().now_or_never(), None);
        screens.look_again(HERE);
        screens.look_again(HERE);
        assert_eq!(screen.changed().now_or_never(), Some(()));
        assert_eq!(screen.changed().now_or_never(), None, "once");
        screens.look_again(HERE);
        screen.look();
        assert_eq!(screen.changed().now_or_never(), None, "it has looked since");
    }

    #[test]
    fn nothing_is_left_of_a_screen_that_is_gone() {
        let screens = Arc::new(Screens::default());
        let all = [screens.add(HERE), screens.add(HERE), screens.add(THERE)];
        assert_eq!(screens.len(), 3);
        let [first, second, third] = all;
        drop(first);
        screens.look_again(HERE);
        assert_eq!(screens.len(), 2);
        drop((second, third));
        assert!(screens.is_empty());
    }
}
