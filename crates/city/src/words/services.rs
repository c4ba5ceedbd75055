//! Local services, learning, health and pets.

use super::{Brand, Extra, Form, Kind, hours};

static VISIT: Extra = Extra {
    name: ("上门", "At home"),
    min: 0,
    max: 1,
    choices: &[("上门取送", "Fetched and brought back", 10), ("加急", "Express", 20)],
};

/// A kind of service: office hours, one form, one heading.
const fn service(
    name: super::Words,
    weight: u64,
    nouns: &'static [super::Words],
    menu: &'static [super::Heading],
) -> Kind {
    Kind {
        name,
        weight,
        price_level: 2,
        hours: hours::OFFICE,
        brand: Brand::Homely,
        nouns,
        below: &[],
        form: Form::Single,
        extras: &[],
        menu,
    }
}

/// A kind of school: afternoons and weekends, sold by the visit.
const fn school(
    name: super::Words,
    weight: u64,
    nouns: &'static [super::Words],
    menu: &'static [super::Heading],
) -> Kind {
    Kind {
        hours: hours::LESSONS,
        brand: Brand::Modern,
        form: Form::Visits,
        price_level: 3,
        ..service(name, weight, nouns, menu)
    }
}

pub(crate) static LOCAL: &[Kind] = &[
    Kind {
        extras: &[&VISIT],
        ..service(
            ("洗衣", "Laundry"),
            25,
            &[("洗衣店", "Laundry"), ("干洗", "Dry Cleaning")],
            &[(
                ("洗护", "Care"),
                &[
                    ("衬衫洗烫", "Shirt, washed and ironed", 12),
                    ("羽绒服干洗", "Down jacket, dry-cleaned", 48),
                    ("床品四件套", "Bedding set", 45),
                    ("球鞋清洗", "Sports shoes", 29),
                ],
            )],
        )
    },
    service(
        ("家政保洁", "Cleaning"),
        20,
        &[("家政", "Home Help"), ("保洁", "Cleaning")],
        &[(
            ("服务", "Services"),
            &[
                ("日常保洁2小时", "Cleaning, 2 h", 100),
                ("深度保洁", "Deep cleaning", 398),
                ("擦玻璃", "Windows", 150),
                ("油烟机清洗", "Range hood", 128),
            ],
        )],
    ),
    service(
        ("维修", "Repairs"),
        20,
        &[("维修", "Repairs"), ("五金", "Hardware")],
        &[(
            ("服务", "Services"),
            &[
                ("开锁换锁", "Lock, opened or changed", 180),
                ("水管维修", "Pipes", 120),
                ("空调清洗", "Air conditioner, cleaned", 99),
                ("家电上门检测", "Appliance check", 50),
            ],
        )],
    ),
    service(
        ("搬家快递", "Moving and parcels"),
        15,
        &[("搬家", "Movers"), ("驿站", "Parcel Point")],
        &[(
            ("服务", "Services"),
            &[
                ("小面搬家", "Move with a van", 240),
                ("厢货搬家", "Move with a truck", 580),
                ("寄件首公斤", "Parcel, first kg", 12),
                ("打包材料", "Packing material", 39),
            ],
        )],
    ),
    service(
        ("照相打印", "Photos and printing"),
        15,
        &[("照相馆", "Photo Studio"), ("图文", "Copy Shop")],
        &[(
            ("服务", "Services"),
            &[
                ("证件照", "Passport photos", 39),
                ("全家福", "Family portrait", 399),
                ("彩色打印", "Colour page", 1),
                ("装订", "Binding", 10),
            ],
        )],
    ),
    service(
        ("裁缝修鞋", "Tailors and cobblers"),
        12,
        &[("裁缝铺", "Tailor"), ("修鞋铺", "Cobbler")],
        &[(
            ("服务", "Services"),
            &[
                ("改裤长", "Trousers, shortened", 20),
                ("换拉链", "New zip", 25),
                ("换鞋跟", "New heels", 30),
                ("定制旗袍", "Qipao, made to measure", 980),
            ],
        )],
    ),
    service(
        ("汽车服务", "Car care"),
        18,
        &[("洗车", "Car Wash"), ("汽修", "Garage")],
        &[(
            ("服务", "Services"),
            &[
                ("标准洗车", "Wash", 35),
                ("小保养", "Oil and filter", 320),
                ("补胎", "Tyre repair", 40),
                ("打蜡", "Wax", 120),
            ],
        )],
    ),
];

pub(crate) static LEARNING: &[Kind] = &[
    school(
        ("语言", "Languages"),
        12,
        &[("外语", "Languages"), ("英语", "English Centre")],
        &[(
            ("课程", "Courses"),
            &[
                ("口语小班课", "Conversation, small group", 120),
                ("一对一", "One to one", 260),
                ("试听课", "Trial lesson", 9),
            ],
        )],
    ),
    school(
        ("音乐", "Music"),
        12,
        &[("琴行", "Music School"), ("音乐工作室", "Music Studio")],
        &[(
            ("课程", "Lessons"),
            &[
                ("钢琴课", "Piano lesson", 200),
                ("吉他课", "Guitar lesson", 150),
                ("琴房一小时", "Practice room, 1 h", 30),
            ],
        )],
    ),
    school(
        ("美术书法", "Art and calligraphy"),
        12,
        &[("画室", "Art Studio"), ("书法", "Calligraphy")],
        &[(
            ("课程", "Lessons"),
            &[
                ("儿童创意画", "Painting for children", 110),
                ("成人油画体验", "Oil painting for a day", 168),
                ("书法课", "Calligraphy", 120),
            ],
        )],
    ),
    school(
        ("编程科学", "Coding and science"),
        8,
        &[("少儿编程", "Coding for Kids"), ("科学实验室", "Science Lab")],
        &[(
            ("课程", "Lessons"),
            &[("图形编程", "Visual programming", 140), ("机器人课", "Robots", 180), ("科学实验", "Experiments", 120)],
        )],
    ),
    school(
        ("驾校", "Driving schools"),
        5,
        &[("驾校", "Driving School")],
        &[(
            ("课程", "Courses"),
            &[
                ("小型车手动挡", "Manual car, all lessons", 4200),
                ("小型车自动挡", "Automatic car, all lessons", 4600),
                ("陪练2小时", "Practice, 2 h", 240),
            ],
        )],
    ),
];

pub(crate) static HEALTH: &[Kind] = &[
    Kind {
        hours: hours::CONVENIENCE,
        ..service(
            ("药店", "Pharmacies"),
            35,
            &[("大药房", "Pharmacy"), ("药店", "Drugstore")],
            &[(
                ("常备", "At home"),
                &[
                    ("创可贴", "Plasters", 9),
                    ("维生素C", "Vitamin C", 29),
                    ("医用口罩10只", "Ten masks", 10),
                    ("体温计", "Thermometer", 25),
                    ("润喉糖", "Lozenges", 15),
                ],
            )],
        )
    },
    Kind {
        hours: hours::CLINIC,
        price_level: 3,
        ..service(
            ("口腔", "Dentists"),
            18,
            &[("口腔", "Dental"), ("齿科", "Dental Clinic")],
            &[(
                ("项目", "Treatments"),
                &[
                    ("洁牙", "Cleaning", 198),
                    ("补牙", "Filling", 380),
                    ("口腔检查", "Check-up", 50),
                    ("牙齿美白", "Whitening", 1280),
                ],
            )],
        )
    },
    Kind {
        hours: hours::CLINIC,
        ..service(
            ("中医", "Chinese medicine"),
            14,
            &[("中医馆", "Chinese Medicine"), ("国医堂", "Herbal Hall")],
            &[(
                ("项目", "Treatments"),
                &[
                    ("中医问诊", "Consultation", 50),
                    ("针灸", "Acupuncture", 120),
                    ("拔罐", "Cupping", 68),
                    ("中药代煎", "Herbs, decocted", 30),
                ],
            )],
        )
    },
    Kind {
        hours: hours::CLINIC,
        ..service(
            ("诊所", "Clinics"),
            14,
            &[("诊所", "Clinic"), ("门诊部", "Outpatient Clinic")],
            &[(
                ("项目", "Services"),
                &[
                    ("普通门诊", "Consultation", 40),
                    ("基础体检", "Basic check-up", 268),
                    ("流感疫苗", "Flu vaccination", 128),
                ],
            )],
        )
    },
];

pub(crate) static PETS: &[Kind] = &[
    Kind {
        hours: hours::SALON,
        brand: Brand::Modern,
        ..service(
            ("宠物美容", "Grooming"),
            14,
            &[("宠物沙龙", "Pet Salon"), ("宠物生活馆", "Pet House")],
            &[(
                ("服务", "Services"),
                &[
                    ("小型犬洗护", "Small dog, washed", 68),
                    ("猫咪洗护", "Cat, washed", 108),
                    ("造型修剪", "Trim", 168),
                    ("寄养一天", "Boarding, one day", 80),
                ],
            )],
        )
    },
    Kind {
        hours: hours::ALWAYS,
        price_level: 3,
        ..service(
            ("宠物医院", "Vets"),
            8,
            &[("宠物医院", "Animal Hospital"), ("动物诊所", "Vet")],
            &[(
                ("项目", "Treatments"),
                &[
                    ("挂号问诊", "Consultation", 50),
                    ("疫苗", "Vaccination", 98),
                    ("绝育", "Neutering", 880),
                    ("体检", "Check-up", 298),
                ],
            )],
        )
    },
    Kind {
        hours: hours::RETAIL,
        brand: Brand::Modern,
        ..service(
            ("宠物用品", "Pet supplies"),
            10,
            &[("宠物用品", "Pet Supplies"), ("水族", "Aquarium")],
            &[(
                ("用品", "Supplies"),
                &[
                    ("成犬粮2公斤", "Dog food, 2 kg", 128),
                    ("猫砂10公斤", "Cat litter, 10 kg", 59),
                    ("猫爬架", "Cat tree", 199),
                    ("金鱼", "Goldfish", 8),
                ],
            )],
        )
    },
    Kind {
        brand: Brand::Modern,
        hours: hours::ALL_DAY,
        ..service(
            ("猫咖", "Cat cafes"),
            5,
            &[("猫咖", "Cat Cafe"), ("撸猫馆", "Cat House")],
            &[(
                ("票", "Tickets"),
                &[
                    ("畅撸票含饮料", "Entry with a drink", 58),
                    ("冻干零食", "Treats for the cats", 15),
                    ("美式咖啡", "Americano", 22),
                ],
            )],
        )
    },
];
