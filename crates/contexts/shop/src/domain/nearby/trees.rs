//! One tree per category, with the shops of the categories below it.
//!
//! A single tree of all shops would make a search for a rare category visit all shops within the radius.

use std::collections::BTreeMap;
use std::iter;
use std::sync::Arc;

use super::shop_point::ShopPoint;
use super::tree::{Entry, Tree};
use crate::domain::category::Code;

/// One version of the trees. A clone increments one reference count per category.
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

    /// The shops of the category and of the categories below it.
    pub(super) fn of(&self, category: Code) -> Option<&Tree> {
        self.0.get(&category)
    }
}

/// The category and its ancestors up to the root.
fn upwards(category: Code) -> impl Iterator<Item = Code> {
    iter::successors(Some(category), |category| category.parent())
}
