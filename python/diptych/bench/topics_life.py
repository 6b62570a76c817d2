"""Subjects about going out, money, health and animals, in the notation of `vocabulary.parse_topics`."""

TOPICS = """
== travel task
+ Keep a photograph of your passport [on your phone|in your email].
+ Leave one [afternoon|morning] free for whatever you come across.
+ Prices are often lower [in the middle of the week|just outside the school holidays].
+ Learn how to say please and thank you in the [local language|language of the place].
+ Check the opening hours again [the day before|shortly before you go].
+ A light bag makes every [station|staircase] easier.
# plan a long weekend in Lisbon
Stay near a tram or metro stop, because the hills are [steep|tiring].
Visit Belém early, before the [queues form|coaches arrive].
Spend one evening in Alfama and [simply wander|walk without a map].
# pack for two weeks in one small bag
Choose clothes in two or three colours that [go together|match].
Wear the [heaviest|bulkiest] shoes on the journey.
Plan to wash a few things [halfway through|after a week].
# travel by train across Europe
Book the night trains first, as their berths [sell out|go early].
Leave at least forty minutes for [changes|connections] between countries.
A rail pass pays off only if you [travel on many days|make many long trips].
# take a toddler on a long flight
Bring a few new [picture books|small toys] and hand them out one at a time.
Let the child drink or suck something during [the descent|take-off and landing].
Ask for a seat near the [galley|aisle], where standing up is easy.
# find a quiet place to stay
Read the reviews that mention [noise|sleep] rather than the overall score.
Ask for a room [at the back|facing the courtyard].
Places a few stops from the centre are [calmer|quieter] and often cheaper.
# get over jet lag quickly
Go out into [daylight|morning light] soon after you arrive.
Eat at the local times, even if you are [not hungry|a little tired].
Keep naps under [half an hour|thirty minutes].
# plan a hiking trip in the Alps
Reserve the huts well ahead, since they [fill up|are booked out] in August.
Start early, because thunderstorms tend to come [after lunch|in the afternoon].
Allow one hour for every three hundred metres of [climbing|ascent].
# travel alone for the first time
Arrive in [daylight|the early afternoon] and know how you will reach your room.
Guided walks are an easy way to [meet people|find company].
Tell somebody at home where you [are staying|plan to be].
# choose a campsite for the family
Look for [shade|trees] and for a short walk to the washrooms.
A pitch on slightly raised ground stays [dry|drier] after rain.
Arrive before the evening so that you can [pitch the tent|set up] in the light.
# see Kyoto without the crowds
Go to the famous shrines at [sunrise|dawn] or after dinner.
The northern temples are [just as lovely|equally beautiful] and far emptier.
Avoid the weeks of the cherry blossom and the [red maples|autumn leaves].
# plan a road trip through Scotland
Single-track roads are slow, so plan [fewer miles|short stages] for each day.
Pull into passing places on your left and [let others by|wave your thanks].
Fill the tank in the towns, as petrol stations are [rare|far apart] in the Highlands.
# keep a travel diary
Write [three lines|half a page] every evening before you are too tired.
Note smells and [scraps of talk|overheard sentences], which photographs miss.
Glue in tickets and [receipts|small maps].

== money task
+ Write the numbers down, because [guesses|estimates] tend to be too kind.
+ Automatic transfers work better than [good intentions|willpower].
+ Read the fees before you [sign|agree to] anything.
+ An independent adviser can [look at|check] your own situation.
+ Set a day each month to [review|go over] the figures.
+ Rules differ between countries, so check the [local|current] ones.
# make a monthly budget
Track what you spend for [four weeks|a month] before you set any limits.
Separate fixed costs such as rent from things that you can [change|influence].
Leave a small line for [fun|treats], or the plan will not last.
# build an emergency fund
Aim for three months of [expenses|living costs] in the long run.
Keep it in an account that you can [reach at once|use within a day].
Begin with a first goal of [a few hundred|one month's rent].
# pay off a credit card
Pay more than the minimum, even if only [a little|slightly] more.
Clear the card with the highest [interest|rate] first.
Leave the card at home while the balance is [falling|coming down].
# lower my electricity bill
Fridges, dryers and old heaters are the [biggest|hungriest] users in most homes.
Compare tariffs once a year and [switch|move] if it pays.
Wash clothes at thirty degrees and [fill the drum|run full loads].
# negotiate a lower rent
Collect the prices of [similar flats|comparable homes] nearby.
Offer something in return, such as a [longer lease|longer contract].
Stay polite, because the landlord may [think it over|need time].
# start saving for retirement
Time matters more than the [amount|sum], so start early with little.
Take any contribution that your employer [matches|adds].
Choose broad funds with [low|modest] yearly costs.
# teach my children about money
Give pocket money on a [fixed day|regular day] and do not top it up.
Three jars for spending, saving and [giving|sharing] make the idea visible.
Let them make small [mistakes|bad buys] while the sums are small.
# buy a used car
Look up the service history and the [mileage|recorded mileage].
Inspect the car in [daylight|dry weather], when scratches show.
Pay a mechanic for [an hour|a short check] before you decide.
# split costs fairly with flatmates
Agree in writing on what is [shared|common] and what is not.
Unequal rooms can justify [unequal|different] rents.
Settle up [once a month|on the first of the month].
# spend less on groceries
Shop with a list and [after a meal|never hungry].
Shop brands often come from the [same|very same] factories.
Buy dried beans, oats and rice [in bulk|in large bags].
# plan the costs of a wedding
Decide on the number of guests first, since nearly every cost [follows from|depends on] it.
Ask for quotes that list [each item|everything] separately.
Keep a tenth of the sum for [surprises|late changes].
# choose a savings account
Compare the rate after the [bonus|introductory] period ends.
Check whether deposits are [protected|guaranteed], and up to what amount.
Notice accounts pay more if you can [wait|plan ahead].

== health task
+ Change one [habit|thing] at a time and give it two weeks.
+ See a doctor if a problem [lasts|keeps coming back].
+ A friend who joins in makes it [easier|more fun].
+ Rest counts as [part of the plan|progress] too.
+ Tie the new habit to something that you [already do|do every day].
+ Missing a day does no harm as long as you [carry on|pick it up] the next.
# fall asleep more easily
Get up at the same time every day, [weekends included|even on Sundays].
Keep the bedroom [cool and dark|dark and quiet].
Put screens away [an hour|at least half an hour] before bed.
# drink more water during the day
Put a full [glass|jug] on your desk each morning.
Drink a glass before [each meal|every meal].
Slices of lemon or cucumber make plain water [less dull|more pleasant].
# sit less at work
Stand up whenever [the phone rings|you take a call].
Use a printer or a kettle that is [further away|on another floor].
Walk during meetings that need no [screen|slides].
# take up running after forty
Alternate a minute of running with [two minutes|a minute or two] of walking.
Increase the distance by no more than a tenth [each week|from week to week].
You should be able to [hold a conversation|talk in full sentences] while you run.
# eat more vegetables
Fill half of the plate with [vegetables|something green] before you add the rest.
Frozen peas and spinach are as [good|nourishing] as fresh ones.
Grate carrots or courgettes into [sauces|stews].
# cut down on sugar
Halve the sugar in your tea [every fortnight|step by step].
Look at the labels of [sauces|breakfast cereals], where much of it hides.
Eat fruit whole instead of [drinking|buying] the juice.
# relax after a stressful day
Breathe out for [longer|more counts] than you breathe in.
A short walk without a phone [clears the head|helps many people].
Write down tomorrow's tasks so that they [stop circling|leave your head].
# start a stretching routine
Warm muscles stretch more [easily|safely] than cold ones.
Hold each position for about [thirty seconds|half a minute].
Aim for a gentle pull, never [a sharp pain|pain].
# look after my eyes at the computer
Every twenty minutes, look at something [far away|across the street] for twenty seconds.
Put the top of the screen at [eye level|the height of your eyes].
Blink on purpose when your eyes feel [dry|tired].
# keep a regular bedtime
Set an alarm for [going to bed|the evening], not only for the morning.
Dim the lights [an hour ahead|after dinner].
Move the time by a [quarter of an hour|few minutes] every few days.
# drink less coffee
Replace one cup at a time with [tea|a weaker brew].
Have the last coffee [before noon|straight after lunch].
Expect a mild headache for [a day or two|two days], and drink water.
# walk ten thousand steps a day
Get off the bus [one stop|two stops] early.
Split the walk into three parts of about [half an hour|thirty minutes].
Good shoes matter more than [any gadget|a clever watch].

== sport task
+ Warm up for [five|ten] minutes before you make an effort.
+ Two short sessions are better than [one long one|a single long one].
+ A few lessons at the start [prevent|save you from] bad habits.
+ Sleep and food do [half|much] of the work.
+ Borrow the equipment before you [buy|pay for] your own.
+ Stop when something [hurts|feels sharp or wrong].
# learn to swim front crawl
Breathe out steadily [under water|while your face is in the water].
Roll the whole body to [the side|one side] instead of lifting the head.
Kick from the [hip|hips] with loose ankles.
# train for a ten-kilometre run
Run three times a week, with one [longer|slow and longer] run on Sunday.
Keep most of the running [easy|at an easy pace].
Reduce the distance in the [last|final] week.
# get better at table tennis
Stand an arm's length away from the [table|edge of the table].
Practise one [stroke|return] against a wall until it is steady.
Watch the other player's bat, which gives away the [spin|direction].
# begin with yoga at home
Ten minutes each morning are [enough|plenty] to begin with.
Keep the knees soft and the [breath|breathing] slow.
A folded blanket under the hips [helps|makes sitting easier].
# improve my tennis serve
Practise the toss alone until it lands on [the same spot|one spot].
Hold the racket with a [continental|hammer] grip.
Hit up at the ball and let the [wrist|forearm] turn.
# cycle to work every day
Try the route on a [Sunday|quiet morning] first.
Mudguards and good lights matter more than [gears|a fast frame].
Leave a spare shirt [at the office|in a drawer at work].
# learn to ski as an adult
Book a [group lesson|lesson] for the first three mornings.
Look where you want to go, not at the [tips of your skis|snow in front of you].
Boots should be snug, without [pain|numb toes].
# do my first pull-up
Several times a day, hang from the bar for [twenty seconds|as long as you can].
Lower yourself slowly from the top, which builds the [same|needed] strength.
Rows under a table train [similar|the same] muscles.
# start rock climbing indoors
Push with the legs and keep the arms [straight|long].
Take the safety course before you [belay|hold a rope for] anyone.
Rest between routes, because fingers [recover slowly|need time].
# play football again after a long break
Jog and sprint alone for a few weeks before the first [match|game].
Replace the old boots, since the soles [harden|lose their grip].
Ask to play the first half only, and [rest|watch] the second.
# paddle a canoe in a straight line
Sit still and keep your weight [low|in the middle].
Finish each stroke with a small turn of the [blade|paddle] outwards.
The person at the back [steers|does the steering].
# motivate myself to go to the gym
Pack the bag [the night before|in the evening].
Agree to go for [ten minutes|a quarter of an hour], and stay if it feels good.
Note what you lift, so that [progress|the change] becomes visible.

== pets task
+ Be patient, because animals need time to [adjust|get used to things].
+ Routine makes most animals [calmer|feel safe].
+ A vet should look at any [sudden|unexpected] change in appetite.
+ Watch closely, since an animal's [posture|behaviour] tells you a lot.
+ Everyone at home should follow the [same|agreed] rules.
+ Make sure that fresh water is [always there|never far away].
# get my dog to walk calmly on a lead
Stop as soon as the lead goes tight and wait until it is [slack|loose].
Give a treat whenever the dog is [next to you|beside your knee].
Change direction often, which keeps its attention [on you|where you want it].
# introduce a new cat to an older one
Keep them in [separate rooms|different rooms] for the first week.
Swap their [blankets|bedding] so that they learn each other's smell.
Feed them on both sides of a [closed door|shut door].
# house-train a puppy
Take it outside after every [meal|sleep] and every game.
Praise it on the spot, not [back indoors|minutes later].
Clean accidents with an enzyme cleaner, because smells [call it back|invite a repeat].
# stop my cat from scratching the sofa
Put a tall, [steady|heavy] scratching post right beside the sofa.
Cover the corner with [foil|double-sided tape] for a few weeks.
Play before meals so that it [lets off steam|uses up its energy].
# set up a first aquarium
Let the tank run for [four weeks|a month] before you add fish.
Choose a few hardy species and [add them slowly|begin with six fish].
Change a quarter of the water [every week|weekly].
# choose a pet for a small flat
Think about the noise, the hours alone and the [vet bills|yearly costs].
Older cats are often [calm|quiet] and grateful companions.
Ask the landlord [in writing|before you fall in love].
# keep rabbits happy indoors
Two rabbits are better than one, since they [need company|feel lonely alone].
Hay should make up [most|four fifths] of their food.
Hide the cables, because they [chew|nibble] everything.
# calm a dog during fireworks
Close the curtains and play [quiet music|the radio].
Let it hide where it [likes|feels safe] and do not drag it out.
Walk it [before dark|in the afternoon] on that day.
# teach a parrot to speak
Repeat one [word|short word] cheerfully at the same time each day.
Birds pick up words that come with [excitement|feeling].
Some never talk, and they can be [delightful|good company] all the same.
# bathe a nervous dog
Put a rubber mat in the tub so that it does not [slip|slide].
Use lukewarm water and keep it out of the [ears|ears and eyes].
Offer something tasty [throughout|during the rinse].
# take my cat to the vet without a fight
Leave the carrier open [at home|in the living room] all year.
Place a worn jumper [inside|in it] for the smell.
Cover the box with a towel [on the way|in the waiting room].
# care for an ageing dog
Several short walks are kinder than [one long one|a single march].
A ramp helps it into the [car|back of the car].
Have its teeth and weight checked [twice a year|every six months].
"""
