//! The trees of the index: one of each category, which has the shops of the categories below it, too.
//!
//! With one tree of all shops, a search for a category that few shops have would look at everything within the radius.

use std::collections::BTreeMap;
use std::iter;
use std::sync::Arc;

use super::ShopPoint;
use super::tree::{Entry, Tree};
use crate::domain::category::Code;

/// One version of the index. Cloning it costs a counter per category.
#[derive(Clone, Debug, Default)]
pub(super) struct Trees(BTreeMap<Code, Tree>);

impl Trees {
    pub(super) fn insert(&mut self, shop: &Arc<ShopPoint>) {
        for category in upwards(shop.category) {
            self.0.entry(category).or_default().insert(Entry::new(shop));
        }
    }

    pub(super) fn remove(&mut self, shop: &ShopPoint) {
        for category in upwards(shop.category) {
            if let Some(tree) = self.0.get_mut(&category) {
                tree.remove(shop.at, shop.id);
                if tree.root.is_none() {
                    self.0.remove(&category);
                }
            }
        }
    }

    /// The shops of the category and of those below it.
    pub(super) fn of(&self, category: Code) -> Option<&Tree> {
        self.0.get(&category)
    }
}

/// The category, what it is below of, and so on up to "everything".
fn upwards(category: Code) -> impl Iterator<Item = Code> {
    iter::successors(Some(category), |category| category.parent())
}
