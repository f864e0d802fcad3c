/* The sensor itself: HELLO until it is seen, batches of samples, commands. */
#ifndef ATTUNE_SENSOR_H
#define ATTUNE_SENSOR_H

void sensor_init(void);

/* One turn of the main loop; never waits for the host. */
void sensor_step(void);

#endif
