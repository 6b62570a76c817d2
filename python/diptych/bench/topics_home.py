"""Subjects about the house and the kitchen, in the notation that `vocabulary.parse_topics` reads."""

TOPICS = """
== cooking task
+ Taste as you go and [adjust|correct] the salt at the very end.
+ Read the whole recipe once before you [turn on the oven|start chopping|light the hob].
+ A sharp knife is safer than a blunt one, and much quicker.
+ Weighing the ingredients gives [steadier|more reliable] results than measuring by the cup.
+ Clear the worktop before you begin, so that you are not [hunting for|looking for] a spoon later.
+ Leftovers usually keep for [two or three days|a couple of days] in a closed container in the fridge.
# bake a loaf of wholemeal bread
Knead the dough until it feels [smooth and springy|elastic], which takes about ten minutes by hand.
Wholemeal flour drinks more water than white flour, so keep the dough [slightly sticky|on the soft side].
Let the loaf rise until it has nearly doubled, [however long that takes|even if the clock says otherwise].
# cook rice that is not sticky
Rinse the grains in cold water until the water runs [almost clear|clear].
Use one and a half parts of water to one part of rice, and keep the lid [firmly on|closed].
Leave the pan off the heat for ten minutes, then [loosen|fluff] the rice with a fork.
# make a simple tomato sauce
Soften an onion and a little garlic in olive oil [over a low heat|without letting them brown].
Tinned plum tomatoes are often [sweeter|better] than fresh ones out of season.
A pinch of sugar takes the edge off [sharp|sour] tomatoes.
# roast vegetables so that they turn crisp
Cut the pieces to [the same size|an even size] so that they are done together.
Spread them in a single layer, because a crowded tray [steams them|makes them soggy].
A hot oven, around 220 degrees, gives [browned|crisp] edges.
# cook dried beans
Soak the beans overnight in [plenty of|a large bowl of] cold water and drain them.
Boil kidney beans [hard|fast] for at least ten minutes before you let them simmer.
Add salt and anything sour near the end so that the skins [soften|become tender].
# plan a week of family dinners
Choose [three|four] dishes that everybody likes and fill the other evenings with leftovers.
Write the shopping list straight from the plan and [tick off|cross out] what is already in the cupboard.
Put the [quickest|easiest] meal on the busiest evening of the week.
# make a vegetable soup from leftovers
Start with an onion, a carrot and a stick of celery [cut small|chopped finely].
A boiled potato [thickens|gives body to] the soup without any cream.
Add [soft|leafy] vegetables last so that they keep their colour.
# poach an egg
Use the freshest eggs you can find, since the white [holds together|stays compact].
Keep the water just below a simmer, with [small|a few lazy] bubbles at the bottom.
Lift the egg out after three minutes and [drain it on|rest it on] a clean cloth.
# bake a birthday cake for twelve people
Bring the butter and the eggs to room temperature [well ahead|an hour before you begin].
Two shallow tins bake more [evenly|reliably] than one deep tin.
Let the cake cool completely before you [ice|decorate] it.
# season a cast-iron pan
Wipe a very thin layer of oil [all over the pan|inside and out] and rub off the excess.
Bake the pan upside down in a hot oven for [about an hour|one hour].
Dry it on the hob after washing, because [damp|standing water] leads to rust.
# cook fish without drying it out
Pat the fillets dry so that the skin [crisps|browns] rather than steams.
Take the fish off the heat when the flesh [just flakes|begins to flake].
Thick fillets do well in a [moderate|gentle] oven under a sheet of baking paper.
# make pancakes from scratch
Let the batter rest for [twenty minutes|half an hour] so that the flour swells.
The first pancake is a test of the heat, so do not [judge|worry about] its looks.
Flip it once the surface is [full of small bubbles|no longer wet].

== gardening task
+ Water in the early morning, when less of it [evaporates|is lost to the sun].
+ A layer of compost in spring feeds most plants for [the whole season|months].
+ Look under the leaves once a week, since pests [hide|gather] there first.
+ It is worth writing down what you planted and [when|where].
+ Most losses come from too much water rather than [too little|drought].
+ Local growers know which varieties [cope with|suit] your weather.
# grow tomatoes on a balcony
Choose a bush variety, which stays [compact|small] and needs little tying.
Each plant wants a pot of at least ten litres and [six hours|half a day] of sun.
Feed weekly once the first [flowers open|fruit has set].
# start a compost heap
Mix green scraps with brown material such as cardboard in [roughly equal|about equal] amounts.
Turn the heap every few weeks to let [air|oxygen] in.
It should feel like a [wrung-out sponge|damp cloth], neither soaking nor dry.
# keep slugs away from lettuce
Go out after dark with a torch and [collect|pick off] the slugs by hand.
Copper tape round the pots [discourages|puts off] many of them.
Plant out sturdy seedlings, because tiny ones [vanish|are eaten] overnight.
# prune an old apple tree
Prune in winter while the tree is [dormant|bare].
Remove dead and crossing branches first, then [step back and look|pause].
Take away no more than a fifth of the [crown|wood] in one year.
# grow herbs on a windowsill
Basil wants warmth and light, whereas mint [tolerates|is happy with] some shade.
Pick from the top so that the plant [branches|grows bushy].
A saucer with pebbles keeps the roots from [standing in water|rotting].
# plant a hedge for privacy
Bare-rooted plants set out in late autumn are [cheap and reliable|the best value].
Hornbeam keeps its dry leaves in winter and [screens|hides] well.
Cut the young plants back by a third, which makes them [thicken|grow dense].
# repair a patchy lawn
Rake out the moss and [loosen|scratch up] the soil before sowing.
Sow in early autumn while the ground is still [warm|mild] and rain is likely.
Keep off the new grass until it has been [cut|mown] twice.
# attract bees to my garden
Plant something that flowers in each month from [March to October|early spring to autumn].
Single flowers offer more [nectar|food] than frilly double ones.
Leave a patch of bare, sunny soil, as many wild bees [nest in the ground|dig their nests there].
# save seeds for next year
Collect seed from the [healthiest|strongest] plants on a dry day.
Dry it on paper for a fortnight and store it in [labelled envelopes|a sealed jar].
Hybrid varieties will not come true, so choose [old|open-pollinated] kinds.
# grow potatoes in bags
Put two seed potatoes on a hand's depth of compost and cover them [lightly|with a thin layer].
Add more compost as the stems grow, until the bag is [full|nearly full].
Harvest when the leaves turn [yellow|limp and yellow].
# look after house plants while I am away
Move them out of the sun and [group|stand] them together.
A wick of cotton from a jar of water keeps the soil [moist|damp] for a week or two.
Water thoroughly on the last day, but let the pots [drain|drip] before you leave.
# build a raised bed
Untreated larch boards last [eight to ten years|about a decade] outdoors.
Make the bed no wider than you can [reach across|reach from both sides].
Line the bottom with cardboard to [smother|hold back] the weeds.

== repair task
+ Switch off the power or the water before you touch [anything|a fitting].
+ Take a photograph before you take something [apart|to pieces].
+ Put screws in a [bowl|jam jar] in the order in which they came out.
+ If you smell gas or see scorched cable, stop and [call a professional|ring a qualified person].
+ Cheap tools often cost more [in the end|over time].
+ Measure twice, and measure once more before you [cut|drill].
# fix a dripping tap
Most drips come from a worn [washer|seal], which costs very little.
Turn off the stopcock and [open the tap|run the tap] until no more water comes.
Take the old part to the shop so that the new one [matches|fits].
# fill cracks in a plaster wall
Scrape the crack slightly wider so that the filler [grips|has something to hold].
Build deep holes up in [thin layers|two or three layers] and let each dry.
Sand it flush with fine paper and [wipe off|brush away] the dust.
# put up a shelf that stays level
Check what the wall is made of, as plasterboard needs [special fixings|hollow-wall anchors].
Mark the first hole, then use a [spirit level|long level] to find the second.
Keep the drill away from the lines directly above and beside [sockets|switches].
# unblock a kitchen sink
Try a plunger first, with the overflow [covered|blocked by a wet cloth].
Place a bucket underneath and [unscrew|empty] the trap.
Fat is the usual culprit, so wipe [greasy|oily] pans before washing.
# paint a small room
Clean the walls and [fill|patch] the holes before you open the tin.
Cut in round the edges with a brush, then use a roller while the paint is still [wet|fresh].
Two thin coats look better than [one thick coat|a single heavy one].
# stop a door from squeaking
Lift out one hinge pin at a time and rub it with [wax|a little grease].
Wipe away old oil first, since it [collects dust|turns gummy].
Tighten the screws, because a [sagging|loose] hinge squeaks again.
# draught-proof old windows
Hold a lit incense stick near the frame to [find|locate] the leaks.
Foam strip works for gaps that are [even|regular], and brush strip for sliding sashes.
Leave some ventilation so that moisture [can escape|does not build up].
# replace a broken floor tile
Drill a few holes in the cracked tile and [chip|work] outwards from the middle.
Scrape off the old adhesive so that the new tile [sits flush|lies level].
Wait a day before you [grout|walk on it].
# hang a heavy mirror
Find the studs or use fixings rated for [twice the weight|well above the weight].
Two hooks hold it [straighter|more safely] than one.
Ask someone to hold the mirror while you [mark|pencil] the height.
# repair a wobbly chair
Knock the loose joint apart and scrape off the old [glue|adhesive].
Apply wood glue and hold the joint with a [clamp|band clamp] overnight.
Set the chair on a [flat|level] surface while it dries.
# descale a kettle
Fill it halfway with equal parts of water and [white vinegar|clear vinegar], then bring it to the boil.
Leave it for an hour and [rinse|swill] it several times.
Citric acid does the same work without the [smell|odour].
# insulate a cold loft
Lay the first roll between the joists and the second [across|at right angles to] them.
Keep insulation clear of the [eaves|vents] so that air can move.
Wear gloves and a mask, as the fibres [itch|irritate the skin].

== tidying task
+ Finish one corner before you [move on to|start on] the next.
+ Things are easier to put away when each of them has a [fixed place|home].
+ Set a timer for [twenty|fifteen] minutes and stop when it rings.
+ Ask everyone at home to [lend a hand|join in].
+ Do a little each day rather than [everything|the lot] on Saturday.
+ Test any cleaner on a hidden spot [first|beforehand].
# declutter a wardrobe
Take everything out and [lay|put] it on the bed.
Turn the hangers round and see which ones you have [moved|used] after six months.
Store winter clothes [high up|under the bed] during the summer.
# organise family photographs
Begin with the [latest|most recent] year, where you remember the dates.
Keep two copies in [different places|separate places], one of them outside the house.
Delete the near duplicates before you [sort|name] the rest.
# get a red wine stain out of a carpet
Blot the stain with a dry cloth and do not [rub|scrub].
Dab on cold water with a drop of [washing-up liquid|mild soap].
Work from the edge towards the [middle|centre] so that it does not spread.
# keep a small kitchen tidy
Hang the tools that you use daily on a [rail|hook] by the hob.
Empty the dishwasher first thing, so that dirty cups [go straight in|never pile up].
Store the [waffle iron|party plates] somewhere else.
# clean an oven without harsh chemicals
Spread a paste of baking soda and water over the [grime|burnt patches] and leave it overnight.
Spray on a little vinegar and wipe off the [foam|residue].
Soak the racks in the [bath|sink] with hot water.
# set up a filing system for household papers
Five or six broad folders are [enough|plenty] for most homes.
Keep tax papers for as long as [the law asks|your tax office requires].
Open the post beside the [recycling bin|shredder].
# prepare for moving house
Pack the books in small boxes, since large ones become [too heavy|impossible to lift].
Write the room on two sides of [every box|each box].
Keep a bag with [sheets, kettle and chargers|the things for the first night] within reach.
# remove limescale from a shower
Wrap the shower head in a bag of [warm vinegar|diluted vinegar] for an hour.
Dry the glass with a [squeegee|rubber blade] after each use.
Avoid acid on marble and other [natural stone|soft stone].
# share the housework fairly
List all the jobs, including the [invisible|unseen] ones such as booking appointments.
Let each person own a task [from start to finish|completely].
Swap the unpopular jobs [every month|at the start of each month].
# sort out a messy garage
Divide the floor into things to keep, to [give away|sell] and to throw out.
Use the walls, because the [floor|ground] is for the car or the bicycles.
Take old paint to the [recycling centre|council's collection point].
# wash a wool jumper by hand
Use [cool|lukewarm] water and a detergent made for wool.
Press the water out gently and never [wring|twist] the fabric.
Dry it flat on a [towel|rack], away from the radiator.
# cut down on plastic at home
Replace things when they wear out rather than [all at once|straight away].
Bars of soap do the work of several [bottles|plastic bottles].
Carry a folded [cloth bag|shopping bag] in every coat.
"""
