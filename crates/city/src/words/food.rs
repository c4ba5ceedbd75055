//! Restaurants: kinds, names and menus.

use super::{Brand, Extra, Form, Kind, hours};

static SPICE: Extra = Extra {
    name: ("辣度", "How hot"),
    min: 1,
    max: 1,
    choices: &[("不辣", "Not hot", 0), ("微辣", "Mild", 0), ("中辣", "Medium", 0), ("特辣", "Very hot", 0)],
};
static RICE: Extra = Extra {
    name: ("主食", "With"),
    min: 0,
    max: 3,
    choices: &[("米饭", "Rice", 3), ("馒头", "Steamed bun", 2), ("葱油饼", "Scallion pancake", 8)],
};
static TOPPINGS: Extra = Extra {
    name: ("加料", "Add"),
    min: 0,
    max: 4,
    choices: &[("煎蛋", "Fried egg", 3), ("卤蛋", "Marinated egg", 3), ("青菜", "Greens", 4), ("牛肉", "Beef", 12)],
};
static SIDES: Extra = Extra {
    name: ("配菜", "Side"),
    min: 0,
    max: 2,
    choices: &[("薯条", "Fries", 12), ("沙拉", "Salad", 16), ("例汤", "Soup of the day", 18)],
};

pub(crate) static KINDS: &[Kind] = &[
    Kind {
        name: ("川菜", "Sichuan"),
        weight: 60,
        price_level: 2,
        hours: hours::MEALS,
        brand: Brand::Homely,
        nouns: &[("川味小馆", "Sichuan Kitchen"), ("川菜馆", "Sichuan Restaurant"), ("麻辣坊", "Mala House")],
        below: &[("家常川菜", "Home-style Sichuan"), ("酸菜鱼", "Pickled-cabbage fish"), ("麻辣香锅", "Dry hot pot")],
        form: Form::Portion,
        extras: &[&SPICE, &RICE],
        menu: &[
            (
                ("招牌", "Signature"),
                &[
                    ("麻婆豆腐", "Mapo tofu", 26),
                    ("宫保鸡丁", "Kung pao chicken", 38),
                    ("水煮牛肉", "Beef in chilli broth", 68),
                    ("酸菜鱼", "Fish with pickled cabbage", 78),
                    ("回锅肉", "Twice-cooked pork", 46),
                    ("夫妻肺片", "Sliced beef in chilli sauce", 42),
                ],
            ),
            (
                ("家常", "Everyday"),
                &[
                    ("鱼香肉丝", "Shredded pork in garlic sauce", 34),
                    ("干煸四季豆", "Dry-fried beans", 28),
                    ("担担面", "Dandan noodles", 18),
                    ("红糖糍粑", "Sticky rice cake with brown sugar", 22),
                ],
            ),
        ],
    },
    Kind {
        name: ("粤菜", "Cantonese"),
        weight: 35,
        price_level: 3,
        hours: hours::MEALS,
        brand: Brand::Homely,
        nouns: &[("粤菜馆", "Cantonese Restaurant"), ("茶餐厅", "Hong Kong Cafe"), ("点心坊", "Dim Sum")],
        below: &[("茶餐厅", "Hong Kong cafe"), ("早茶点心", "Dim sum"), ("烧腊", "Roast meats")],
        form: Form::Single,
        extras: &[&RICE],
        menu: &[
            (
                ("点心", "Dim sum"),
                &[
                    ("虾饺皇", "Shrimp dumplings", 32),
                    ("干蒸烧卖", "Siu mai", 28),
                    ("豉汁凤爪", "Chicken feet in black bean", 24),
                    ("叉烧包", "Barbecue pork buns", 22),
                    ("萝卜糕", "Turnip cake", 20),
                ],
            ),
            (
                ("烧味", "Roasts"),
                &[
                    ("蜜汁叉烧", "Honey barbecue pork", 58),
                    ("脆皮烧鹅", "Roast goose", 88),
                    ("白切鸡", "White-cut chicken", 62),
                ],
            ),
            (
                ("主食", "Rice and noodles"),
                &[("干炒牛河", "Fried rice noodles with beef", 36), ("鲜虾云吞面", "Shrimp wonton noodles", 32)],
            ),
        ],
    },
    Kind {
        name: ("火锅", "Hot pot"),
        weight: 45,
        price_level: 3,
        hours: hours::ALL_DAY,
        brand: Brand::Homely,
        nouns: &[("老火锅", "Hot Pot"), ("火锅城", "Hot Pot City"), ("涮肉", "Mutton Hot Pot")],
        below: &[
            ("重庆火锅", "Chongqing hot pot"),
            ("北京涮肉", "Beijing lamb hot pot"),
            ("潮汕牛肉锅", "Chaoshan beef pot"),
        ],
        form: Form::Portion,
        extras: &[&SPICE],
        menu: &[
            (
                ("锅底", "Broth"),
                &[
                    ("牛油红汤锅", "Spicy tallow broth", 58),
                    ("鸳鸯锅", "Half and half", 68),
                    ("菌菇清汤锅", "Mushroom broth", 48),
                ],
            ),
            (
                ("荤菜", "Meat"),
                &[
                    ("雪花肥牛", "Marbled beef", 68),
                    ("手切羊肉", "Hand-cut lamb", 58),
                    ("鲜毛肚", "Tripe", 52),
                    ("虾滑", "Shrimp paste", 46),
                    ("鸭血", "Duck blood curd", 18),
                ],
            ),
            (
                ("素菜", "Vegetables"),
                &[("土豆片", "Sliced potato", 12), ("贡菜", "Mountain celery", 16), ("冻豆腐", "Frozen tofu", 12)],
            ),
        ],
    },
    Kind {
        name: ("面馆", "Noodles"),
        weight: 70,
        price_level: 1,
        hours: hours::ALL_DAY,
        brand: Brand::Homely,
        nouns: &[("面馆", "Noodle House"), ("牛肉面", "Beef Noodles"), ("拉面", "Hand-pulled Noodles")],
        below: &[("兰州拉面", "Lanzhou noodles"), ("苏式汤面", "Suzhou noodles"), ("重庆小面", "Chongqing noodles")],
        form: Form::Portion,
        extras: &[&SPICE, &TOPPINGS],
        menu: &[
            (
                ("汤面", "Soup noodles"),
                &[
                    ("红烧牛肉面", "Braised beef noodles", 28),
                    ("清汤牛肉面", "Clear beef noodles", 22),
                    ("雪菜肉丝面", "Pork and mustard greens noodles", 20),
                    ("大排面", "Pork chop noodles", 24),
                    ("阳春面", "Plain noodles", 10),
                ],
            ),
            (
                ("拌面", "Dry noodles"),
                &[
                    ("葱油拌面", "Scallion oil noodles", 15),
                    ("炸酱面", "Noodles with soy bean paste", 20),
                    ("重庆小面", "Chongqing noodles", 16),
                    ("凉皮", "Cold skin noodles", 14),
                ],
            ),
        ],
    },
    Kind {
        name: ("本帮菜", "Local cuisine"),
        weight: 30,
        price_level: 3,
        hours: hours::MEALS,
        brand: Brand::Homely,
        nouns: &[("小馆", "Bistro"), ("私房菜", "Private Kitchen"), ("饭店", "Restaurant")],
        below: &[("私房菜", "Private kitchen"), ("家常菜", "Home cooking")],
        form: Form::Portion,
        extras: &[&RICE],
        menu: &[
            (
                ("冷菜", "Cold dishes"),
                &[
                    ("醉鸡", "Drunken chicken", 38),
                    ("四喜烤麸", "Braised gluten", 26),
                    ("糖醋小排", "Sweet and sour ribs", 42),
                ],
            ),
            (
                ("热菜", "Hot dishes"),
                &[
                    ("红烧肉", "Red-braised pork", 68),
                    ("清炒虾仁", "Sauteed shrimp", 88),
                    ("松鼠桂鱼", "Squirrel fish", 128),
                    ("响油鳝丝", "Eel in hot oil", 78),
                    ("蟹粉豆腐", "Tofu with crab roe", 66),
                    ("草头圈子", "Clover and chitterlings", 72),
                ],
            ),
        ],
    },
    Kind {
        name: ("烧烤", "Barbecue"),
        weight: 40,
        price_level: 2,
        hours: hours::NIGHT,
        brand: Brand::Homely,
        nouns: &[("烧烤", "Barbecue"), ("烤吧", "Grill Bar"), ("串吧", "Skewers")],
        below: &[("羊肉串", "Lamb skewers"), ("小龙虾", "Crayfish")],
        form: Form::Single,
        extras: &[&SPICE],
        menu: &[
            (
                ("烤串", "Skewers"),
                &[
                    ("羊肉串", "Lamb skewer", 6),
                    ("牛板筋", "Beef tendon skewer", 5),
                    ("烤鸡翅", "Chicken wings", 12),
                    ("烤茄子", "Grilled aubergine", 18),
                    ("烤韭菜", "Grilled chives", 8),
                    ("烤生蚝", "Grilled oyster", 10),
                ],
            ),
            (
                ("小龙虾", "Crayfish"),
                &[
                    ("蒜蓉小龙虾", "Garlic crayfish", 128),
                    ("麻辣小龙虾", "Spicy crayfish", 118),
                    ("冰镇啤酒", "Cold beer", 12),
                ],
            ),
        ],
    },
    Kind {
        name: ("小吃快餐", "Snacks and fast food"),
        weight: 90,
        price_level: 1,
        hours: hours::ALL_DAY,
        brand: Brand::Homely,
        nouns: &[("小吃", "Snacks"), ("快餐", "Canteen"), ("盖浇饭", "Rice Bowls"), ("麻辣烫", "Malatang")],
        below: &[("盖浇饭", "Rice bowls"), ("麻辣烫", "Malatang"), ("煎饼", "Crepes")],
        form: Form::Single,
        extras: &[&SPICE, &TOPPINGS],
        menu: &[
            (
                ("饭", "Rice"),
                &[
                    ("鱼香肉丝饭", "Garlic pork on rice", 20),
                    ("黄焖鸡米饭", "Braised chicken and rice", 22),
                    ("卤肉饭", "Minced pork on rice", 18),
                    ("番茄炒蛋饭", "Tomato and egg on rice", 16),
                ],
            ),
            (
                ("小吃", "Snacks"),
                &[
                    ("煎饼果子", "Savoury crepe", 9),
                    ("肉夹馍", "Pork in a bun", 12),
                    ("臭豆腐", "Stinky tofu", 10),
                    ("酸辣粉", "Hot and sour noodles", 14),
                    ("烤冷面", "Grilled cold noodles", 10),
                ],
            ),
        ],
    },
    Kind {
        name: ("早餐包子", "Breakfast"),
        weight: 45,
        price_level: 1,
        hours: hours::BREAKFAST,
        brand: Brand::Homely,
        nouns: &[("包子铺", "Bun Shop"), ("早点", "Breakfast"), ("生煎", "Pan-fried Buns")],
        below: &[],
        form: Form::Single,
        extras: &[],
        menu: &[
            (
                ("点心", "Buns"),
                &[
                    ("鲜肉包", "Pork bun", 3),
                    ("香菇菜包", "Vegetable bun", 2),
                    ("生煎馒头", "Four pan-fried buns", 10),
                    ("小笼包", "Soup dumplings", 14),
                    ("油条", "Fried dough stick", 3),
                    ("粢饭团", "Sticky rice roll", 8),
                ],
            ),
            (
                ("喝的", "To drink"),
                &[
                    ("豆浆", "Soy milk", 4),
                    ("咸豆浆", "Savoury soy milk", 7),
                    ("小馄饨", "Small wontons", 12),
                    ("皮蛋瘦肉粥", "Congee with pork and egg", 10),
                ],
            ),
        ],
    },
    Kind {
        name: ("日本料理", "Japanese"),
        weight: 25,
        price_level: 3,
        hours: hours::MEALS,
        brand: Brand::Modern,
        nouns: &[("寿司", "Sushi"), ("居酒屋", "Izakaya"), ("日料", "Japanese Kitchen")],
        below: &[("寿司", "Sushi"), ("居酒屋", "Izakaya"), ("日式拉面", "Ramen")],
        form: Form::Single,
        extras: &[&SIDES],
        menu: &[
            (
                ("寿司刺身", "Sushi and sashimi"),
                &[
                    ("三文鱼刺身", "Salmon sashimi", 58),
                    ("握寿司拼盘", "Nigiri set", 88),
                    ("鳗鱼饭", "Eel on rice", 78),
                    ("加州卷", "California roll", 42),
                ],
            ),
            (
                ("热食", "Hot food"),
                &[
                    ("豚骨拉面", "Tonkotsu ramen", 46),
                    ("天妇罗", "Tempura", 52),
                    ("章鱼小丸子", "Takoyaki", 26),
                    ("味噌汤", "Miso soup", 12),
                ],
            ),
        ],
    },
    Kind {
        name: ("韩国料理", "Korean"),
        weight: 15,
        price_level: 2,
        hours: hours::MEALS,
        brand: Brand::Modern,
        nouns: &[("韩式烤肉", "Korean Barbecue"), ("炸鸡", "Fried Chicken"), ("韩餐", "Korean Table")],
        below: &[],
        form: Form::Single,
        extras: &[&SPICE],
        menu: &[(
            ("主菜", "Mains"),
            &[
                ("石锅拌饭", "Bibimbap in a stone pot", 38),
                ("部队锅", "Army stew", 88),
                ("五花肉", "Pork belly for the grill", 58),
                ("韩式炸鸡", "Korean fried chicken", 68),
                ("泡菜汤", "Kimchi soup", 36),
                ("辣炒年糕", "Spicy rice cakes", 32),
                ("海鲜饼", "Seafood pancake", 42),
                ("冷面", "Cold noodles", 34),
            ],
        )],
    },
    Kind {
        name: ("西餐", "Western"),
        weight: 25,
        price_level: 3,
        hours: hours::MEALS,
        brand: Brand::Modern,
        nouns: &[("西餐厅", "Bistro"), ("牛排馆", "Steakhouse"), ("意式餐厅", "Trattoria"), ("披萨", "Pizza")],
        below: &[("意大利菜", "Italian"), ("牛排", "Steak"), ("汉堡", "Burgers")],
        form: Form::Single,
        extras: &[&SIDES],
        menu: &[
            (
                ("前菜", "Starters"),
                &[
                    ("凯撒沙拉", "Caesar salad", 48),
                    ("奶油蘑菇汤", "Cream of mushroom soup", 38),
                    ("炸鱿鱼圈", "Fried calamari", 52),
                ],
            ),
            (
                ("主菜", "Mains"),
                &[
                    ("玛格丽特披萨", "Pizza Margherita", 78),
                    ("培根奶油意面", "Spaghetti carbonara", 68),
                    ("肉眼牛排", "Rib-eye steak", 188),
                    ("芝士牛肉汉堡", "Cheeseburger", 62),
                    ("香煎三文鱼", "Pan-fried salmon", 118),
                ],
            ),
            (("甜品", "Desserts"), &[("提拉米苏", "Tiramisu", 42), ("巧克力熔岩蛋糕", "Molten chocolate cake", 46)]),
        ],
    },
    Kind {
        name: ("东南亚菜", "South-East Asian"),
        weight: 12,
        price_level: 2,
        hours: hours::MEALS,
        brand: Brand::Modern,
        nouns: &[("泰餐厅", "Thai Kitchen"), ("越南粉", "Pho"), ("娘惹厨房", "Nyonya Kitchen")],
        below: &[],
        form: Form::Single,
        extras: &[&SPICE],
        menu: &[(
            ("主菜", "Mains"),
            &[
                ("冬阴功汤", "Tom yum soup", 58),
                ("泰式炒河粉", "Pad thai", 42),
                ("绿咖喱鸡", "Green curry chicken", 52),
                ("越南牛肉粉", "Beef pho", 38),
                ("海南鸡饭", "Hainanese chicken rice", 40),
                ("叻沙", "Laksa", 44),
                ("芒果糯米饭", "Mango sticky rice", 32),
                ("鲜虾春卷", "Shrimp summer rolls", 28),
            ],
        )],
    },
    Kind {
        name: ("海鲜", "Seafood"),
        weight: 15,
        price_level: 4,
        hours: hours::MEALS,
        brand: Brand::Homely,
        nouns: &[("海鲜酒楼", "Seafood Restaurant"), ("海鲜大排档", "Seafood Stalls")],
        below: &[],
        form: Form::Portion,
        extras: &[],
        menu: &[(
            ("海鲜", "From the sea"),
            &[
                ("清蒸石斑鱼", "Steamed grouper", 198),
                ("蒜蓉粉丝扇贝", "Scallops with garlic", 68),
                ("白灼虾", "Poached shrimp", 88),
                ("姜葱炒蟹", "Crab with ginger", 168),
                ("椒盐皮皮虾", "Salt and pepper mantis shrimp", 128),
                ("海鲜粥", "Seafood congee", 58),
            ],
        )],
    },
    Kind {
        name: ("素食轻食", "Vegetarian and salads"),
        weight: 12,
        price_level: 2,
        hours: hours::ALL_DAY,
        brand: Brand::Modern,
        nouns: &[("素食", "Vegetarian"), ("轻食", "Salad Bar"), ("沙拉", "Greens")],
        below: &[],
        form: Form::Single,
        extras: &[&TOPPINGS],
        menu: &[(
            ("轻食", "Bowls"),
            &[
                ("鸡胸藜麦碗", "Chicken quinoa bowl", 38),
                ("牛油果沙拉", "Avocado salad", 36),
                ("素什锦", "Mixed vegetables", 32),
                ("菌菇豆腐煲", "Mushroom and tofu pot", 42),
                ("南瓜浓汤", "Pumpkin soup", 26),
                ("全麦三明治", "Wholemeal sandwich", 28),
            ],
        )],
    },
];
