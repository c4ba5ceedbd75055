//! The categories of an export: each shop names its category by the names on the way to it, so that the tree exists again
//! after an import into another database.
//!
//! **Invariant:** an import adds categories and changes none.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use anyhow::anyhow;
use pulse_contract::shop::v1::{Category, CreateCategoryRequest, ListCategoriesRequest, ShopClient};
use pulse_exchange::ShopRecord;
use pulse_kernel::{Cx, Kind};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

/// Tag of the category by names.
pub(super) const PATH_TAG: &str = "pulse:category_path";

/// Categories from the first level to the category of a shop.
pub(super) type CategoryPath = Vec<CategoryName>;

/// One category of a path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub(super) struct CategoryName {
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name_zh: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    legacy_code: String,
}

impl CategoryName {
    fn of(category: &Category) -> Self {
        let Category { name, name_zh, legacy_code, .. } = category.clone();
        Self { name, name_zh, legacy_code }
    }
}

/// Removes the path of the category from the tags of a record. A tag that is not a path stays.
pub(super) fn category_path(record: &mut ShopRecord) -> Option<CategoryPath> {
    let path: CategoryPath =
        serde_json::from_str(record.tags.get(PATH_TAG)?).ok().filter(|path: &CategoryPath| !path.is_empty())?;
    record.tags.remove(PATH_TAG);
    Some(path)
}

/// The tree of the database, read once per parent.
pub(super) struct CategoryTree {
    shops: ShopClient,
    /// Children by the code of their parent.
    known: Mutex<HashMap<i64, Vec<Category>>>,
}

impl CategoryTree {
    pub(super) fn new(shops: ShopClient) -> Self {
        Self { shops, known: Mutex::default() }
    }

    /// The code of the category with these names. Missing categories are created; where that is not possible, the code of
    /// the file stays, and the shop is refused when there is no such category.
    ///
    /// # Errors
    /// When the database is not available.
    pub(super) async fn code_of(&self, cx: &Cx, path: &CategoryPath, code_in_file: i64) -> anyhow::Result<i64> {
        // Calls wait for each other, so that no category is created twice.
        let mut known = self.known.lock().await;
        let mut parent = 0;
        for wanted in path {
            let children = self.children(cx, &mut known, parent).await?;
            let found = children.iter().find(|category| CategoryName::of(category) == *wanted);
            let found = found.or_else(|| children.iter().find(|category| category.name == wanted.name));
            parent = match found {
                Some(category) => category.code,
                None => match self.create(cx, parent, wanted).await {
                    Ok(category) => {
                        let code = category.code;
                        known.entry(parent).or_default().push(category);
                        code
                    }
                    Err(error) if is_refusal(error.kind()) => return Ok(code_in_file),
                    Err(error) => return Err(anyhow!(error.report())),
                },
            };
        }
        Ok(parent)
    }

    /// The names on the way to each category.
    ///
    /// # Errors
    /// When the database is not available.
    pub(super) async fn paths(&self, cx: &Cx) -> anyhow::Result<HashMap<i64, CategoryPath>> {
        let mut known = self.known.lock().await;
        let mut paths = HashMap::new();
        let mut open: Vec<(i64, CategoryPath)> = vec![(0, Vec::new())];
        while let Some((parent, path)) = open.pop() {
            for category in self.children(cx, &mut known, parent).await? {
                let path: CategoryPath = path.iter().cloned().chain([CategoryName::of(category)]).collect();
                if category.has_children {
                    open.push((category.code, path.clone()));
                }
                paths.insert(category.code, path);
            }
        }
        Ok(paths)
    }

    async fn children<'a>(
        &self,
        cx: &Cx,
        known: &'a mut HashMap<i64, Vec<Category>>,
        parent_code: i64,
    ) -> anyhow::Result<&'a Vec<Category>> {
        match known.entry(parent_code) {
            Entry::Occupied(children) => Ok(children.into_mut()),
            Entry::Vacant(unknown) => {
                let request = ListCategoriesRequest { parent_code };
                let listed = self.shops.list_categories(cx, request).await;
                Ok(unknown.insert(listed.map_err(|error| anyhow!(error.report()))?.categories))
            }
        }
    }

    async fn create(&self, cx: &Cx, parent_code: i64, wanted: &CategoryName) -> Result<Category, pulse_kernel::Error> {
        let CategoryName { name, name_zh, legacy_code } = wanted.clone();
        self.shops.create_category(cx, CreateCategoryRequest { parent_code, name, name_zh, legacy_code }).await
    }
}

/// Whether a category cannot be created: its name is too long, its parent is full, or it would be too deep.
fn is_refusal(kind: Kind) -> bool {
    matches!(kind, Kind::InvalidArgument | Kind::FailedPrecondition | Kind::NotFound)
}
