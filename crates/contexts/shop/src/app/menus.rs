//! Returns the menu of a shop, and the products that a shop may put on its menu.

use pulse_contract::page::{self, Page};
use pulse_contract::shop::v1::{GetMenuRequest, ListCatalogRequest, ListCatalogResponse, Menu, MenuSection};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};

use super::{App, get_shop, products};
use crate::store::products::{self as rows, ProductId};

/// Maximum number of products of a menu.
const MENU_MAX: i64 = 500;

pub(crate) async fn get_menu(app: &App, cx: &Cx, request: GetMenuRequest) -> Result<Menu, Error> {
    let shop = ShopId::new(request.shop_id);
    get_shop::visible(app, cx, shop).await?;
    let mut sections: Vec<MenuSection> = Vec::new();
    for row in rows::of_shop(&app.deps.store, shop, MENU_MAX).await? {
        if !row.is_on_sale {
            continue;
        }
        let product = products::view(row);
        match sections.iter_mut().find(|section| section.name == product.section) {
            Some(section) => section.products.push(product),
            None => sections.push(MenuSection { name: product.section.clone(), products: vec![product] }),
        }
    }
    Ok(Menu { shop_id: shop.get(), sections })
}

pub(crate) async fn list_catalog(
    app: &App,
    _cx: &Cx,
    request: ListCatalogRequest,
) -> Result<ListCatalogResponse, Error> {
    let page = Page::new(request.page_size, &request.page_token)?;
    let after = page.after::<1>()?.map_or(ProductId::new(0), |[id]| ProductId::new(id));
    let shop = ShopId::new(request.shop_id);
    let found = rows::visible_to(&app.deps.store, shop, after, page.limit_plus_one()).await?;
    let (found, next_page_token) = page.cut(found, |row| page::token(&[row.id.get()]));
    Ok(ListCatalogResponse { products: found.into_iter().map(products::view).collect(), next_page_token })
}
