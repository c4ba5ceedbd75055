//! Beauty, entertainment, sports and stays.

use super::{Brand, Extra, Form, Kind, hours};

static STYLIST: Extra = Extra {
    name: ("发型师", "Stylist"),
    min: 1,
    max: 1,
    choices: &[("设计师", "Stylist", 0), ("资深设计师", "Senior stylist", 60), ("总监", "Director", 150)],
};
static BREAKFAST: Extra =
    Extra {
        name: ("早餐", "Breakfast"), min: 0, max: 2, choices: &[("单早", "For one", 38), ("双早", "For two", 68)]
    };

pub(crate) static BEAUTY: &[Kind] = &[
    Kind {
        name: ("美发", "Hair"),
        weight: 40,
        price_level: 2,
        hours: hours::SALON,
        brand: Brand::Modern,
        nouns: &[("造型", "Hair Studio"), ("理发店", "Barber"), ("沙龙", "Salon")],
        below: &[],
        form: Form::Single,
        extras: &[&STYLIST],
        menu: &[(
            ("服务", "Services"),
            &[
                ("洗剪吹", "Wash, cut and dry", 68),
                ("烫发", "Perm", 398),
                ("染发", "Colour", 358),
                ("头皮护理", "Scalp care", 168),
                ("儿童剪发", "Children's cut", 38),
            ],
        )],
    },
    Kind {
        name: ("美甲美睫", "Nails and lashes"),
        weight: 25,
        price_level: 2,
        hours: hours::SALON,
        brand: Brand::Modern,
        nouns: &[("美甲", "Nails"), ("美睫", "Lashes")],
        below: &[],
        form: Form::Visits,
        extras: &[],
        menu: &[(
            ("服务", "Services"),
            &[
                ("纯色美甲", "Gel nails, one colour", 98),
                ("款式美甲", "Gel nails, design", 168),
                ("手部护理", "Hand care", 88),
                ("自然款美睫", "Natural lashes", 158),
            ],
        )],
    },
    Kind {
        name: ("美容护肤", "Skin care"),
        weight: 22,
        price_level: 3,
        hours: hours::SALON,
        brand: Brand::Modern,
        nouns: &[("美容", "Beauty"), ("皮肤管理", "Skin Studio")],
        below: &[],
        form: Form::Visits,
        extras: &[],
        menu: &[(
            ("护理", "Treatments"),
            &[
                ("深层清洁", "Deep cleansing", 198),
                ("补水护理", "Moisture treatment", 268),
                ("肩颈舒缓", "Neck and shoulders", 168),
                ("修眉", "Eyebrows", 39),
            ],
        )],
    },
    Kind {
        name: ("足疗按摩", "Massage"),
        weight: 25,
        price_level: 2,
        hours: hours::NIGHT,
        brand: Brand::Homely,
        nouns: &[("足道", "Foot Massage"), ("推拿", "Tuina"), ("养生馆", "Wellness")],
        below: &[],
        form: Form::Visits,
        extras: &[],
        menu: &[(
            ("项目", "Treatments"),
            &[
                ("足疗60分钟", "Foot massage, 60 min", 128),
                ("全身推拿60分钟", "Body massage, 60 min", 168),
                ("精油SPA90分钟", "Oil massage, 90 min", 298),
                ("艾灸", "Moxibustion", 98),
            ],
        )],
    },
];

pub(crate) static ENTERTAINMENT: &[Kind] = &[
    Kind {
        name: ("电影院", "Cinemas"),
        weight: 6,
        price_level: 2,
        hours: hours::ALL_DAY,
        brand: Brand::Modern,
        nouns: &[("影城", "Cinema"), ("影院", "Pictures")],
        below: &[],
        form: Form::Single,
        extras: &[],
        menu: &[(
            ("票", "Tickets"),
            &[
                ("2D电影票", "Film ticket", 45),
                ("巨幕电影票", "Big-screen ticket", 78),
                ("爆米花套餐", "Popcorn and drink", 38),
            ],
        )],
    },
    Kind {
        name: ("KTV", "Karaoke"),
        weight: 10,
        price_level: 2,
        hours: hours::NIGHT,
        brand: Brand::Modern,
        nouns: &[("KTV", "Karaoke"), ("量贩KTV", "Karaoke Box")],
        below: &[],
        form: Form::Single,
        extras: &[],
        menu: &[(
            ("包间", "Rooms"),
            &[
                ("小包3小时", "Small room, 3 h", 98),
                ("中包3小时", "Medium room, 3 h", 158),
                ("大包3小时", "Large room, 3 h", 258),
                ("果盘", "Fruit plate", 48),
            ],
        )],
    },
    Kind {
        name: ("桌游密室", "Board games and escape rooms"),
        weight: 14,
        price_level: 2,
        hours: hours::ALL_DAY,
        brand: Brand::Modern,
        nouns: &[("桌游", "Board Games"), ("密室", "Escape Room"), ("剧本社", "Mystery Club")],
        below: &[("密室逃脱", "Escape rooms"), ("剧本杀", "Murder mystery"), ("桌游", "Board games")],
        form: Form::Single,
        extras: &[],
        menu: &[(
            ("场次", "Sessions"),
            &[
                ("机械密室90分钟", "Escape room, 90 min", 128),
                ("剧本杀一场", "Mystery game", 148),
                ("桌游畅玩", "Board games, all day", 58),
            ],
        )],
    },
    Kind {
        name: ("网咖电玩", "Game centres"),
        weight: 14,
        price_level: 1,
        hours: hours::ALWAYS,
        brand: Brand::Modern,
        nouns: &[("电竞馆", "Esports"), ("电玩城", "Arcade")],
        below: &[],
        form: Form::Single,
        extras: &[],
        menu: &[(
            ("畅玩", "Play"),
            &[("两小时", "2 hours", 20), ("包夜", "The whole night", 58), ("100枚游戏币", "100 tokens", 80)],
        )],
    },
    Kind {
        name: ("展览演出", "Shows and exhibitions"),
        weight: 6,
        price_level: 3,
        hours: hours::LESSONS,
        brand: Brand::Modern,
        nouns: &[("美术馆", "Gallery"), ("小剧场", "Small Theatre"), ("Livehouse", "Live House")],
        below: &[],
        form: Form::Single,
        extras: &[],
        menu: &[(
            ("票", "Tickets"),
            &[
                ("当期展览", "Current exhibition", 80),
                ("话剧票", "Play", 180),
                ("现场音乐", "Live music", 160),
                ("脱口秀", "Stand-up comedy", 120),
            ],
        )],
    },
    Kind {
        name: ("亲子乐园", "Playgrounds"),
        weight: 12,
        price_level: 2,
        hours: hours::ALL_DAY,
        brand: Brand::Modern,
        nouns: &[("亲子乐园", "Kids' Park"), ("绘本馆", "Picture Book House")],
        below: &[],
        form: Form::Visits,
        extras: &[],
        menu: &[(
            ("票", "Tickets"),
            &[("一大一小", "One adult, one child", 98), ("儿童票", "Child", 78), ("手工课", "Crafts lesson", 88)],
        )],
    },
];

pub(crate) static SPORTS: &[Kind] = &[
    Kind {
        name: ("健身房", "Gyms"),
        weight: 20,
        price_level: 2,
        hours: hours::GYM,
        brand: Brand::Modern,
        nouns: &[("健身", "Fitness"), ("训练馆", "Training")],
        below: &[],
        form: Form::Visits,
        extras: &[],
        menu: &[(
            ("课程", "Offers"),
            &[
                ("单次入场", "Day pass", 59),
                ("私教课", "Personal training", 298),
                ("团课", "Group class", 79),
                ("体测", "Body check", 49),
            ],
        )],
    },
    Kind {
        name: ("瑜伽舞蹈", "Yoga and dance"),
        weight: 14,
        price_level: 2,
        hours: hours::SALON,
        brand: Brand::Modern,
        nouns: &[("瑜伽", "Yoga"), ("舞社", "Dance Studio"), ("普拉提", "Pilates")],
        below: &[],
        form: Form::Visits,
        extras: &[],
        menu: &[(
            ("课程", "Classes"),
            &[
                ("流瑜伽", "Flow yoga", 98),
                ("器械普拉提", "Reformer Pilates", 268),
                ("爵士舞", "Jazz dance", 108),
                ("体验课", "Trial class", 39),
            ],
        )],
    },
    Kind {
        name: ("球馆", "Courts"),
        weight: 12,
        price_level: 2,
        hours: hours::GYM,
        brand: Brand::Homely,
        nouns: &[("羽毛球馆", "Badminton"), ("篮球馆", "Basketball"), ("网球馆", "Tennis")],
        below: &[("羽毛球", "Badminton"), ("篮球", "Basketball"), ("网球", "Tennis")],
        form: Form::Visits,
        extras: &[],
        menu: &[(
            ("场地", "Courts"),
            &[("一小时场地", "Court, 1 h", 80), ("教练课", "Lesson", 200), ("球拍租借", "Racket hire", 20)],
        )],
    },
    Kind {
        name: ("游泳馆", "Swimming"),
        weight: 6,
        price_level: 2,
        hours: hours::GYM,
        brand: Brand::Homely,
        nouns: &[("游泳馆", "Swimming Pool")],
        below: &[],
        form: Form::Visits,
        extras: &[],
        menu: &[(
            ("票", "Tickets"),
            &[("单次票", "One visit", 50), ("儿童游泳课", "Children's lesson", 160), ("储物柜", "Locker", 10)],
        )],
    },
];

pub(crate) static STAYS: &[Kind] = &[
    Kind {
        name: ("酒店", "Hotels"),
        weight: 18,
        price_level: 3,
        hours: hours::ALWAYS,
        brand: Brand::Modern,
        nouns: &[("酒店", "Hotel"), ("大酒店", "Grand Hotel"), ("精品酒店", "Boutique Hotel")],
        below: &[("商务酒店", "Business hotels"), ("经济型酒店", "Budget hotels")],
        form: Form::Single,
        extras: &[&BREAKFAST],
        menu: &[(
            ("房型", "Rooms"),
            &[
                ("大床房", "Queen room", 358),
                ("双床房", "Twin room", 388),
                ("豪华套房", "Suite", 888),
                ("钟点房4小时", "Day room, 4 h", 158),
            ],
        )],
    },
    Kind {
        name: ("民宿", "Guest houses"),
        weight: 14,
        price_level: 2,
        hours: hours::ALWAYS,
        brand: Brand::Modern,
        nouns: &[("民宿", "Guest House"), ("小院", "Courtyard")],
        below: &[],
        form: Form::Single,
        extras: &[&BREAKFAST],
        menu: &[(
            ("房型", "Rooms"),
            &[
                ("庭院大床房", "Courtyard room", 298),
                ("阁楼房", "Attic room", 238),
                ("整院包租", "The whole house", 1280),
            ],
        )],
    },
    Kind {
        name: ("青旅", "Hostels"),
        weight: 5,
        price_level: 1,
        hours: hours::ALWAYS,
        brand: Brand::Modern,
        nouns: &[("青年旅舍", "Hostel"), ("胶囊旅馆", "Capsule Hotel")],
        below: &[],
        form: Form::Single,
        extras: &[],
        menu: &[(
            ("床位", "Beds"),
            &[("六人间床位", "Bed in a room for six", 68), ("胶囊舱", "Capsule", 98), ("双人间", "Room for two", 188)],
        )],
    },
];
