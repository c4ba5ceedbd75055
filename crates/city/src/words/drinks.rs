//! Cafes, tea, bars, cakes.

use super::{Brand, Extra, Form, Kind, hours};

static ICE: Extra = Extra {
    name: ("冰量", "Ice"),
    min: 1,
    max: 1,
    choices: &[("正常冰", "Regular ice", 0), ("少冰", "Less ice", 0), ("去冰", "No ice", 0), ("热", "Hot", 0)],
};
static SUGAR: Extra = Extra {
    name: ("甜度", "Sugar"),
    min: 1,
    max: 1,
    choices: &[("全糖", "Full", 0), ("七分糖", "70 %", 0), ("半糖", "Half", 0), ("无糖", "None", 0)],
};
static PEARLS: Extra = Extra {
    name: ("加料", "Add"),
    min: 0,
    max: 3,
    choices: &[
        ("珍珠", "Tapioca pearls", 2),
        ("椰果", "Coconut jelly", 2),
        ("仙草", "Grass jelly", 3),
        ("奶盖", "Milk foam", 4),
    ],
};
static MILK: Extra = Extra {
    name: ("奶", "Milk"),
    min: 0,
    max: 1,
    choices: &[("燕麦奶", "Oat milk", 5), ("椰乳", "Coconut milk", 4), ("脱脂奶", "Skimmed milk", 0)],
};
static CANDLES: Extra = Extra {
    name: ("附加", "Extras"),
    min: 0,
    max: 2,
    choices: &[("蜡烛", "Candles", 5), ("生日牌", "Birthday sign", 8), ("餐具", "Plates and forks", 6)],
};

pub(crate) static KINDS: &[Kind] = &[
    Kind {
        name: ("咖啡", "Coffee"),
        weight: 50,
        price_level: 2,
        hours: hours::CAFE,
        brand: Brand::Modern,
        nouns: &[("咖啡", "Coffee"), ("咖啡馆", "Cafe"), ("咖啡烘焙", "Roasters")],
        below: &[("精品咖啡", "Speciality coffee"), ("烘焙工坊", "Roastery")],
        form: Form::Cup,
        extras: &[&ICE, &MILK],
        menu: &[(
            ("咖啡", "Coffee"),
            &[
                ("美式", "Americano", 20),
                ("拿铁", "Latte", 26),
                ("澳白", "Flat white", 28),
                ("卡布奇诺", "Cappuccino", 26),
                ("手冲", "Pour-over", 38),
                ("冷萃", "Cold brew", 30),
                ("生椰拿铁", "Coconut latte", 28),
            ],
        )],
    },
    Kind {
        name: ("奶茶果茶", "Milk tea and fruit tea"),
        weight: 60,
        price_level: 1,
        hours: hours::ALL_DAY,
        brand: Brand::Modern,
        nouns: &[("茶饮", "Tea"), ("奶茶", "Milk Tea"), ("果茶", "Fruit Tea")],
        below: &[("奶茶", "Milk tea"), ("果茶", "Fruit tea"), ("柠檬茶", "Lemon tea")],
        form: Form::Cup,
        extras: &[&ICE, &SUGAR, &PEARLS],
        menu: &[
            (
                ("奶茶", "Milk tea"),
                &[
                    ("珍珠奶茶", "Bubble tea", 14),
                    ("乌龙奶茶", "Oolong milk tea", 15),
                    ("黑糖鲜奶", "Brown sugar milk", 18),
                    ("芋泥波波", "Taro milk with pearls", 19),
                ],
            ),
            (
                ("果茶", "Fruit tea"),
                &[
                    ("满杯百香果", "Passion fruit tea", 16),
                    ("多肉葡萄", "Grape tea", 22),
                    ("杨枝甘露", "Mango pomelo sago", 24),
                    ("手打柠檬茶", "Hand-crushed lemon tea", 15),
                ],
            ),
        ],
    },
    Kind {
        name: ("茶馆", "Tea houses"),
        weight: 12,
        price_level: 3,
        hours: hours::ALL_DAY,
        brand: Brand::Homely,
        nouns: &[("茶馆", "Tea House"), ("茶舍", "Tea Room")],
        below: &[],
        form: Form::Single,
        extras: &[],
        menu: &[(
            ("一壶茶", "Tea by the pot"),
            &[
                ("龙井", "Longjing", 88),
                ("铁观音", "Tieguanyin", 78),
                ("正山小种", "Lapsang souchong", 78),
                ("普洱", "Pu'er", 98),
                ("茉莉花茶", "Jasmine tea", 58),
                ("四色茶点", "Four tea snacks", 48),
            ],
        )],
    },
    Kind {
        name: ("面包蛋糕", "Bakeries"),
        weight: 40,
        price_level: 2,
        hours: hours::ALL_DAY,
        brand: Brand::Modern,
        nouns: &[("烘焙", "Bakery"), ("面包房", "Bread"), ("蛋糕", "Cakes")],
        below: &[("面包", "Bread"), ("生日蛋糕", "Birthday cakes")],
        form: Form::Single,
        extras: &[&CANDLES],
        menu: &[
            (
                ("面包", "Bread"),
                &[
                    ("牛角包", "Croissant", 14),
                    ("吐司", "White loaf", 22),
                    ("法棍", "Baguette", 16),
                    ("肉松小贝", "Pork floss bun", 12),
                    ("贝果", "Bagel", 15),
                ],
            ),
            (
                ("蛋糕", "Cakes"),
                &[
                    ("巴斯克", "Basque cheesecake", 32),
                    ("草莓奶油蛋糕", "Strawberry cream cake", 168),
                    ("瑞士卷", "Swiss roll", 28),
                    ("蛋挞", "Egg tart", 8),
                ],
            ),
        ],
    },
    Kind {
        name: ("甜品冰淇淋", "Desserts and ice cream"),
        weight: 22,
        price_level: 2,
        hours: hours::ALL_DAY,
        brand: Brand::Modern,
        nouns: &[("糖水铺", "Sweet Soups"), ("甜品", "Desserts"), ("冰淇淋", "Gelato")],
        below: &[],
        form: Form::Single,
        extras: &[],
        menu: &[(
            ("甜品", "Sweet things"),
            &[
                ("双皮奶", "Double-skin milk", 16),
                ("红豆沙", "Red bean soup", 14),
                ("芒果班戟", "Mango pancake", 22),
                ("桂花酒酿圆子", "Rice balls with osmanthus", 18),
                ("开心果冰淇淋", "Pistachio gelato", 28),
                ("抹茶冰淇淋", "Matcha gelato", 26),
            ],
        )],
    },
    Kind {
        name: ("酒吧", "Bars"),
        weight: 18,
        price_level: 3,
        hours: hours::BAR,
        brand: Brand::Modern,
        nouns: &[("酒馆", "Tavern"), ("精酿", "Craft Beer"), ("鸡尾酒吧", "Cocktail Bar")],
        below: &[("精酿啤酒", "Craft beer"), ("鸡尾酒", "Cocktails"), ("清吧", "Quiet bars")],
        form: Form::Single,
        extras: &[],
        menu: &[
            (
                ("酒", "Drinks"),
                &[
                    ("印度淡色艾尔", "India pale ale", 48),
                    ("小麦啤酒", "Wheat beer", 42),
                    ("金汤力", "Gin and tonic", 68),
                    ("尼格罗尼", "Negroni", 78),
                    ("桂花米酒", "Osmanthus rice wine", 38),
                    ("无酒精莫吉托", "Mojito without alcohol", 42),
                ],
            ),
            (("小食", "Snacks"), &[("薯条拼盘", "Plate of fries", 38), ("盐水毛豆", "Salted edamame", 22)]),
        ],
    },
];
