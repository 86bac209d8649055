"""The VMAccess extension on paper: its schema, rules and errors, and what it asks of a guest.

PURE: nothing in here touches a guest, a clock or a file. A request becomes a plan
(`plan.plan_for`), a plan is walked step by step (`plan.Run`), each step says what is asked of a
guest agent (`calls`) and what every answer means (`steps`).
"""
