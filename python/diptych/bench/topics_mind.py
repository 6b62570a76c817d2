"""Subjects about study, work and knowledge, in the notation that `vocabulary.parse_topics` reads."""

TOPICS = """
== programming task
+ Make the smallest change that could work and [run it|try it] at once.
+ Commit [often|frequently], with a message that says why.
+ Read the error message to the end before you [search for it|change anything].
+ Clear names save more time than [clever tricks|long comments].
+ A failing test is the best [description|record] of a bug.
+ Explain the problem aloud, and the answer [often|sometimes] appears halfway through.
# read a large CSV file in Python
Read it in [chunks|blocks of rows] instead of loading everything into memory.
Name the columns you need, so that the rest is [skipped|never parsed].
Columnar formats such as Parquet are [faster|smaller and faster] for repeated reading.
# find a memory leak in my program
Measure the memory at two [moments|points] and compare which objects have grown.
Caches without a limit are the [most common|usual] cause.
Repeat one action a thousand times, which makes a small leak [visible|obvious].
# learn Rust after Python
Accept that the compiler will [argue with you|reject a lot] in the first weeks.
Start with owned values and [clone freely|copy freely], then learn to borrow.
Port a small tool that you [know well|wrote yourself].
# write a regular expression that I can still read later
Build it from [named|small] parts and test each of them.
Use the verbose flag, which allows [spaces and comments|line breaks and comments].
Sometimes a plain [split|string search] does the job better.
# undo the last commit in Git
A soft reset removes the commit but [keeps|leaves] your changes staged.
If it has been pushed already, [revert|a revert commit] is the polite way.
The reflog remembers where the branch [was|pointed] before.
# speed up a slow database query
Ask the database for its query [plan|plan first] and look for full scans.
Put an index on the columns used for [filtering|joining].
Fetch only the rows and columns you [need|really show].
# write useful unit tests
Test what the function [promises|returns], not how it does it.
Give every test one [reason|clear reason] to fail.
Cover the empty, the [huge|largest] and the wrong input.
# name variables well
Use the words of the [people|experts] who will use the program.
Put the unit in the name, as in a timeout in [seconds|milliseconds].
Short names suit short [loops|scopes], and long-lived things deserve full words.
# build a small website for a club
Plain pages without a framework are [enough|perfectly fine] at this size.
Put the date and place of the next [meeting|event] at the top.
Choose a host that makes [backups|copies] on its own.
# review a colleague's code kindly
Comment on the code and never on the [person|author].
Say which remarks are [essential|must-haves] and which are matters of taste.
Praise a [good|neat] solution when you meet one.
# understand recursion
Look for the case that is [trivial|solved already] and write it first.
Trust that the call works for the [smaller|shorter] problem.
Draw the calls as a [tree|stack] on paper.
# keep secrets out of my repository
Load them from the [environment|environment variables] when the program starts.
Add the local settings file to the [ignore list|ignored files] on the first day.
A key that was committed once must be [replaced|revoked], even if it was deleted later.

== writing task
+ Write the first draft quickly and [edit|correct] it slowly.
+ Read it aloud, as the ear catches [clumsy|stiff] sentences.
+ Cut the first paragraph and see whether anything [is missing|is lost].
+ Put the text away for a night before you [revise|polish] it.
+ Concrete nouns and plain verbs carry [most|the bulk] of the meaning.
+ Ask a reader where they [stumbled|got bored].
# write a cover letter
Open with the reason why this [post|job] interests you.
Choose two achievements that match the [advertisement|job description] and give figures.
Keep it to [one page|a single page].
# start a short story
Begin as late as possible, when something is [already going wrong|about to change].
Give the main character a [wish|want] in the first lines.
One odd [detail|object] tells more than a page of background.
# write a speech for my sister's wedding
Build it round one [story|memory] that only you can tell.
Three or four minutes are [plenty|long enough].
Finish with a toast so that the guests [know when to stand|can join in].
# write clear emails
Say what you want in the [subject line|first sentence].
Ask one question in each [message|paragraph].
If it takes more than ten lines, [ring|a call may be better].
# overcome writer's block
Lower the aim to [fifty|a hundred] bad words.
Write the scene you [look forward to|like best], wherever it belongs.
Change the tool, for example from screen to [pencil|paper].
# write a poem without rhymes
Let the line breaks do the work of [breath|pauses].
Repeat a sound or a [word|phrase] to hold the poem together.
Remove every adjective and [bring back|return] only the ones you miss.
# edit my own texts
Go through it once for structure, once for [style|rhythm] and once for commas.
Print it in another [font|typeface], which makes it look strange and new.
Search for your [pet words|favourite words] and delete half of them.
# write a letter of complaint
State the facts in order, with [dates|dates and numbers].
Say plainly what you would [accept|like] as a remedy.
A calm tone is harder to [ignore|dismiss] than an angry one.
# write believable dialogue
People seldom answer the [question|exact question] they were asked.
Let each speaker want something [different|of their own].
The word said is nearly [invisible|always enough], so use it freely.
# summarise a long report
State the [conclusion|result] first and the reasons after it.
Copy the headings and write [one sentence|a single sentence] for each.
Leave out how the work was done unless the [reader|audience] needs it.
# write instructions that people follow
Put one action in each [step|line] and start with the verb.
Warn the reader before the [dangerous|risky] step, not after it.
Watch somebody use them without [your help|saying a word].
# write a fair book review
Tell what the book [tries|sets out] to do before you judge it.
Quote a sentence so that readers hear the [voice|tone].
Never give away the [ending|last third].

== work task
+ Do the hardest thing [first|before lunch].
+ Put agreements in writing, even if it is only [two lines|a short note].
+ Ask for help [early|before it becomes urgent].
+ It helps to know what your manager is [measured by|worried about].
+ Breaks keep the quality [up|steady].
+ End the day by writing down the [first|very next] step for tomorrow.
# prepare for a job interview
Prepare three stories that show how you [solved a problem|handled trouble].
Find out who will be in the room and what [they do|their roles are].
Have two questions of your own [ready|to ask at the end].
# ask for a pay rise
List what you have [delivered|achieved] since the last review.
Know the usual pay for the [role|post] in your region.
Name a figure and then stay [silent|quiet].
# run a meeting that ends on time
Send the agenda [the day before|a day ahead] with a time for each item.
Begin punctually, even if some people are [missing|late].
Reserve the last five minutes for [who does what|decisions].
# give difficult feedback
Describe what you [saw|observed] rather than what you think of the person.
Do it in private and [soon|within a day or two].
Agree on [one|a single] thing that will change.
# work from home without losing focus
Work at a table that is [only for work|used for nothing else].
Agree on quiet hours with the people you [live with|share a home with].
Close the laptop and [leave the room|go outside] at the end of the day.
# deal with too many emails
Read the inbox at two or three [fixed|set] times.
Unsubscribe from [everything|whatever] you have not opened this month.
Answer at once if it takes less than [two minutes|a minute or two].
# settle in at a new job
Meet each colleague for [a coffee|fifteen minutes] in the first weeks.
Write down the abbreviations that [nobody explains|you do not know].
Deliver something small and [useful|complete] in the first month.
# give a presentation without panic
Learn the first two sentences [by heart|word for word].
Practise standing up, [with a clock|and out loud].
Look at one friendly [face|listener] at a time.
# hand over my tasks before a holiday
List the open matters with a [name|person] for each.
Explain what may be left [alone|until you return].
Tell customers a week [ahead|in advance].
# resolve a quarrel between colleagues
Hear each of them [alone|separately] first.
Look for the practical [question|issue] underneath the hurt.
Write down what both have [agreed|promised] and meet again in two weeks.
# change careers
Talk to [three|five] people who do the job already.
Try it in small, through a [course|weekend project] or an unpaid day.
Your old skills [travel|carry over] further than you think.
# learn to delegate
Hand over the goal and leave the [method|route] open.
Agree on the [moments|dates] when you will look at the work.
Accept a result that is good, though [different|not done your way].

== study task
+ Testing yourself works better than [reading again|underlining].
+ Spread the work over [several days|the week] rather than one night.
+ Sleep fixes what you have [learnt|practised].
+ Put the phone in [another room|a drawer].
+ Teach it to somebody, and the [gaps|weak spots] show at once.
+ Stop while you still know what [comes next|to do next].
# learn Spanish in a year
Learn the [thousand|eight hundred] most common words first.
Speak from the first week, with all your [mistakes|errors].
Listen to slow [podcasts|radio programmes] while you cook or walk.
# memorise vocabulary
Review each card after one day, three days and [a week|nine days].
Put the word in a [silly|vivid] sentence of your own.
Draw a small picture [beside|next to] the hard ones.
# prepare for a mathematics exam
Work through old papers [under time|with a clock].
Keep a notebook of the [mistakes|traps] you make.
Write out the proof with the book [closed|shut].
# take good notes in lectures
Write down ideas, not [whole sentences|every word].
Leave a margin for [questions|later thoughts].
Go over the page [the same evening|within a day].
# read a difficult book
Read the last chapter [early|first] to see where it leads.
Mark what you do not follow and [go on|keep going].
Two slow chapters a week are [fine|enough].
# learn to play the guitar
Practise chord changes slowly, with a [metronome|steady beat].
Fifteen minutes a day are worth more than [two hours|a long session] on Sunday.
Pick songs with [three|very few] chords.
# write a bachelor's thesis
Narrow the question until it sounds [almost too small|modest].
Write something on [every working day|most days], from the first week.
Agree with your supervisor on the [outline|structure] before you fill it.
# concentrate in a noisy home
Use earplugs or [steady|soft] background noise.
Find the hour when the house is [quiet|asleep].
A library card is the cheapest [office|study] in town.
# learn touch typing
Keep the index fingers on the two keys with the [bumps|small ridges].
Go slowly enough to make [no mistakes|hardly any errors].
Cover the keys with a [cloth|sheet of paper] so that you cannot peek.
# study together in a group
Three or four people are a [good|practical] number.
Each of you prepares one [topic|chapter] and explains it.
Fix the end as well as the [start|beginning].
# stop putting things off
Make the first step so small that it feels [silly|ridiculous] to refuse.
Set a timer for [ten|twenty-five] minutes.
Forgive yourself for yesterday, as guilt [slows you down|makes it worse].
# learn to draw faces
Draw what you see and not what you [know|expect].
The eyes sit halfway down the [head|skull], lower than most people think.
Turn the photograph [upside down|on its head] and copy the shapes.

== science topic
+ The explanation needs no [formulas|mathematics], only a little imagination.
+ It took careful observation and [many years|a long debate] to find this out.
+ No single person [found|worked] this out; it was the work of many.
+ The full story has more detail, but the [main idea|principle] holds.
+ Scientists still study the [finer points|details] today.
+ A drawing [makes it clearer|helps a great deal] here.
# why the sky is blue
Air scatters short wavelengths of light [far more|much more strongly] than long ones.
Violet is scattered even more, but the sun sends [less|rather little] of it and our eyes are less sensitive to it.
At sunset the light crosses more air, so that mainly [red and orange|the reds] remain.
# how vaccines train the body
A vaccine shows the immune system a [harmless|safe] piece of the germ.
Memory cells remain, and they [answer|react] faster the next time.
A booster [renews|refreshes] the memory once it fades.
# why ice floats on water
Water molecules form an open lattice when they [freeze|turn to ice].
The same mass therefore takes up about [nine per cent|a tenth] more space.
Lakes freeze from the top, which lets fish [survive|live] below.
# how an aeroplane stays in the air
The wing pushes air [downwards|down], and the air pushes the wing up.
A greater speed or a [steeper|larger] angle gives more lift, up to a point.
Beyond that point the flow breaks away, and the wing [stalls|loses its lift].
# what causes the seasons
The axis of the Earth is [tilted|inclined] by a little more than twenty-three degrees.
In summer the sun stands higher, so its light falls on a [smaller|more compact] area.
The distance to the sun plays [almost no|hardly any] part.
# why the tides come and go
The moon pulls the near side of the Earth more [strongly|firmly] than the far side.
Two bulges of water form, and the Earth [turns|rotates] beneath them.
The sun adds its share, which is greatest at [full and new moon|new and full moon].
# how batteries store energy
Two materials hold on to electrons with [different|unequal] strength.
When a wire joins them, the electrons [flow|move] and do work on the way.
Charging drives the reaction [backwards|the other way].
# why leaves change colour in autumn
The tree takes the green pigment back before it [drops|sheds] its leaves.
The yellow pigments were there [all along|the whole summer].
Cool nights and bright days bring out the [deepest|strongest] reds.
# how the heart pumps blood
The right side sends blood to the [lungs|lungs for oxygen] and the left side to the rest of the body.
Valves act as [one-way doors|doors that open one way].
A small group of cells sets the [rhythm|beat].
# how black holes form
A massive star runs out of [fuel|fuel at its centre] and its core collapses.
Nothing stops the fall if the core is [heavy|massive] enough.
We notice them by the [glow|movement] of matter round about.
# why bread rises
Yeast eats sugars and gives off [carbon dioxide|gas].
The gluten in the flour holds the [bubbles|gas] like a net.
The heat of the oven expands the gas and then [sets|fixes] the crumb.
# how rainbows appear
Sunlight bends as it enters a raindrop, and it is [reflected|thrown back] at the far side.
Each colour leaves at a slightly [different|other] angle, about forty-two degrees for red.
You must have the sun [behind you|at your back].

== history topic
+ Historians still disagree about how much [weight|importance] each cause had.
+ Small everyday sources often tell us more than the [official|grand] accounts.
+ The people of the time saw it [differently|with other eyes].
+ Geography shaped what was [possible|affordable].
+ Later generations told the story in a [simpler|tidier] way.
+ A map of the period makes the events [clearer|easier to follow].
# why the Roman Empire declined in the west
Civil wars used up money and [soldiers|men] for more than a century.
Tax income shrank as provinces were [lost|cut off].
The eastern half was richer and lasted almost [a thousand years|ten centuries] longer.
# how the printing press changed Europe
Books became cheap enough for [merchants|craftsmen] and students.
Pamphlets carried new ideas faster than any [preacher|courier].
Spelling and grammar slowly became [uniform|more regular].
# what started the First World War
The murder in Sarajevo came at a time of rigid [alliances|promises].
Railway timetables made the mobilisations hard to [stop|halt].
Several governments believed that a short war could be [won|managed].
# how people lived in a medieval village
Most families worked strips of land and owed [labour|days of work] to a lord.
Bread, beer, peas and [cabbage|onions] filled the table.
The year followed the church [feasts|calendar] and the harvest.
# why the Silk Road mattered
It was a web of [routes|paths] rather than a single road.
Paper, glass and stories travelled along with the [silk|cloth].
Goods changed hands many times, so few traders saw [both ends|the whole way].
# how the ancient Egyptians built the pyramids
Paid crews cut and hauled the stone, and they lived in [towns|villages] nearby.
Sledges were pulled over [wetted|damp] sand, which lowers the friction.
Ramps were used, though their [shape|form] is debated.
# what the Industrial Revolution changed
Work moved from the cottage to the [factory|mill].
Towns grew faster than their [drains|water supply], and disease followed.
In the long run wages rose and goods became [cheap|cheaper].
# how the Vikings reached North America
They sailed in stages by way of [Iceland and Greenland|Greenland].
A small settlement has been [found|excavated] in Newfoundland.
They left again within [a few years|a short time].
# why the Berlin Wall fell
Protests had grown week by week through the [autumn|autumn of 1989].
An unclear answer at a press conference sent [crowds|thousands] to the crossings.
The guards had no orders and [opened|raised] the barriers.
# how chocolate came to Europe
Spanish ships brought cocoa from [Central America|Mexico] in the sixteenth century.
It was first drunk hot, with [spices|sugar and cinnamon], at court.
Bars for eating appeared only in the [nineteenth century|1840s].
# why coffee houses became popular in London
For a penny one could read the [news|papers] and talk all day.
Each house drew its own [trade|crowd], such as insurers or writers.
Sober company was [good|useful] for business.
# how timekeeping developed
Sundials and water clocks served for [thousands of years|millennia].
The pendulum made clocks accurate to [seconds|a few seconds] a day.
Railways forced towns to share [one time|the same time].
"""
